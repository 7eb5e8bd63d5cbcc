import { describe, expect, it } from 'vitest'
import { connect, multipathInfo } from '../../src/index.js'
import { Silence } from '../../src/protocols/tcp/multipath/silence.js'
import { decodeAttributes, encodeAttribute } from '../../src/system/netlink/attributes.js'
import { pack } from '../../src/system/netlink/bytes.js'
import { decodeFamily, decodeGeneric, encodeGeneric } from '../../src/system/netlink/generic.js'
import { decodeTcpSocket, encodeTcpRequest } from '../../src/system/netlink/sock-diag.js'
import { decodeMultipathEvent, encodeSubflow, SubflowCommand } from '../../src/system/netlink/subflow.js'

describe('options of a multipath connection', () => {
  const refused = (options: object) =>
    connect({ host: '127.0.0.1', port: 9, ...options }).then(
      () => 'connected',
      error => `${error.code} ${error.message}`,
    )

  it.each([
    ['one device', { multipath: ['lo'] }, 'an array of 2 to 8 devices'],
    ['nine devices', { multipath: Array.from({ length: 9 }, (_, i) => `lo${i}`) }, 'an array of 2 to 8 devices'],
    ['the same twice', { multipath: ['lo', { device: 'lo' }] }, 'different devices'],
    ['only backups', { multipath: ['a', 'b'].map(device => ({ device, backup: true })) }, 'no backup'],
    ['an unknown key', { multipath: ['a', { device: 'b', weight: 1 }] }, 'unknown option "weight"'],
    ['an additional device', { multipath: ['a', 'b'], device: 'lo' }, 'left out with multipath'],
    ['an additional address', { multipath: ['a', 'b'], localAddress: '127.0.0.1' }, 'left out with multipath'],
    ['only a fallback', { multipathFallback: 'never' }, 'left out without multipath'],
  ])('refuse %s', async (_, options, expected) => {
    const told = await refused(options)
    expect(told).toMatch(/^ERR_INVALID_ARG_VALUE/)
    expect(told).toContain(expected)
  })

  it('can be queried only for open sockets', () => {
    expect(() => multipathInfo(undefined as never)).toThrow(/an open socket/)
  })
})

describe('generic netlink', () => {
  it('has a command, a version and attributes', () => {
    const { command, attributes } = decodeGeneric(encodeGeneric(3, encodeAttribute(2, Buffer.from('mptcp_pm\0'))))
    expect(command).toBe(3)
    expect(Buffer.from(attributes.get(2)!).toString()).toBe('mptcp_pm\0')
  })

  it('numbers families and their groups', () => {
    const group = (name: string, id: number) =>
      Buffer.concat([encodeAttribute(2, pack([4, id])), encodeAttribute(1, Buffer.from(`${name}\0`))])
    const groups = [encodeAttribute(1, group('commands', 8)), encodeAttribute(2, group('events', 9))]
    const answer = encodeGeneric(1, encodeAttribute(1, pack([2, 28])), encodeAttribute(7, Buffer.concat(groups)))
    expect(decodeFamily(answer)).toEqual({
      id: 28,
      groups: new Map([
        ['commands', 8],
        ['events', 9],
      ]),
    })
    expect(decodeFamily(answer.subarray(0, 6))).toBeUndefined()
  })
})

describe('a subflow', () => {
  it("is identified by both ends, with its port in the machine's byte order", () => {
    const local = { address: '192.0.2.2', id: 3, backup: true, deviceIndex: 7 }
    const message = encodeSubflow(SubflowCommand.create, 0x01020304, local, { address: '2001:db8::1', port: 443 })
    const { command, attributes } = decodeGeneric(message)
    expect(command).toBe(10)
    expect(attributes.get(4)).toEqual(Buffer.from(pack([4, 0x01020304])))
    const [here, there] = [1, 6].map(type => decodeAttributes(attributes.get(type)!))
    expect([...here!.keys()]).toEqual([1, 3, 2, 6, 7])
    expect([...here!.get(3)!]).toEqual([192, 0, 2, 2])
    expect(there!.get(5)).toEqual(Buffer.from(pack([2, 443])))
    expect(there!.get(4)).toHaveLength(16)
  })

  it('reports events with the token of its connection', () => {
    const token = encodeAttribute(1, pack([4, 5]))
    expect(decodeMultipathEvent(encodeGeneric(11, token))).toEqual({ event: 11, token: 5, deviceIndex: undefined })
    expect(decodeMultipathEvent(encodeGeneric(10, token, encodeAttribute(15, pack([4, 7]))))).toMatchObject({
      deviceIndex: 7,
    })
    expect(decodeMultipathEvent(encodeGeneric(15))).toBeUndefined()
    expect(decodeMultipathEvent(new Uint8Array())).toBeUndefined()
  })
})

describe('the kernel’s own data on a connection', () => {
  it('is requested by addresses, ports and device', () => {
    const end = (address: string, port: number) => ({ address, port, family: 4 as const })
    const request = encodeTcpRequest(end('192.0.2.2', 40_000), end('203.0.113.1', 443), 7)
    expect(request).toHaveLength(56)
    expect([...request.subarray(8, 16)]).toEqual([0x9c, 0x40, 1, 0xbb, 192, 0, 2, 2])
    expect([...request.subarray(28, 32)]).toEqual([203, 0, 113, 1])
    expect(request.subarray(44, 48)).toEqual(Buffer.from(pack([4, 7])))
  })

  it('has the device it is bound to, and whether it is a backup', () => {
    const head = Buffer.alloc(72)
    head.set([2, 1, 0, 3])
    head.set(pack([4, 7]), 40)
    const flags = encodeAttribute(3, encodeAttribute(8, pack([4, 0x20 | 0x80])))
    const answer = Buffer.concat([head, encodeAttribute(2, Uint8Array.of(1)), encodeAttribute(19, flags)])
    expect(decodeTcpSocket(answer)).toEqual({
      ...{ deviceIndex: 7, established: true, retransmits: 3, backup: true, tcpInfo: Uint8Array.of(1) },
    })
    expect(decodeTcpSocket(answer.subarray(0, 71))).toBeUndefined()
  })
})

describe('a connection with a backup is silent', () => {
  /** The times at which it counts as silent, from readings every 25 ms: bytes received, bytes acknowledged, segments in flight. */
  const silentAt = (
    readings: readonly [received: number, acknowledged: number, unacknowledged: number][],
    rttMs = 10,
  ) => {
    const silence = new Silence()
    return readings.flatMap(([received, acknowledged, unacknowledged], i) =>
      silence.isSilent(1000 + 25 * i, { received, acknowledged, unacknowledged, rttMs }) ? [25 * i] : [],
    )
  }
  const repeat = <T>(count: number, item: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => item(i))

  it('100 ms after a flow of received data stopped', () => {
    const flow = repeat(4, i => [i + 1, 0, 0] as [number, number, number])
    expect(silentAt([...flow, ...repeat(6, (): [number, number, number] => [4, 0, 0])])).toEqual([175, 200, 225])
  })

  it('100 ms after sending data that is not acknowledged, later on a slow line', () => {
    const sent = repeat(8, (i): [number, number, number] => [0, 0, i === 0 ? 0 : 5])
    expect(silentAt(sent)).toEqual([125, 150, 175])
    expect(silentAt(sent, 35)).toEqual([175])
  })

  it('not while data moves either way, nor after a single answer', () => {
    expect(silentAt(repeat(12, i => [i, 0, 3]))).toEqual([])
    expect(silentAt(repeat(12, i => [0, i, 3]))).toEqual([])
    expect(silentAt(repeat(12, i => [i === 0 ? 0 : 1, 0, 0]))).toEqual([])
    expect(silentAt(repeat(40, i => [Math.floor(i / 5), 0, 0]))).toEqual([])
  })
})
