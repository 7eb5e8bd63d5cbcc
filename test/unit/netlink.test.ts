import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { ReceiveBuffer } from '../../src/sockets/receive-buffer.js'
import { SendBatch } from '../../src/sockets/send-batch.js'
import { decodeAttributes, encodeAttribute } from '../../src/system/netlink/attributes.js'
import { pack } from '../../src/system/netlink/bytes.js'
import { decodeConnection } from '../../src/system/netlink/conntrack.js'
import { encodeDefaultRoute } from '../../src/system/netlink/default-route.js'
import { decodeLink, decodeRunning } from '../../src/system/netlink/link.js'
import { decodeLinkAddress } from '../../src/system/netlink/link-address.js'
import { decodeMessages, encodeMessage } from '../../src/system/netlink/message.js'
import { decodeNeighbour, encodeNeighbourRequest } from '../../src/system/netlink/neighbour.js'
import { decodeNexthop, hopsOf } from '../../src/system/netlink/nexthop.js'
import { bindNetlink, messagesOf, openNetlink } from '../../src/system/netlink/request.js'
import { decodeDefaultRoute, decodeRoute } from '../../src/system/netlink/route.js'
import { decodeRule, encodeRule } from '../../src/system/netlink/rule.js'
import { decodeTcpConnection } from '../../src/system/netlink/tcp-connections.js'

const u32 = (value: number) => pack([4, value])
const u16 = (value: number) => pack([2, value])
const text = (value: string) => Buffer.from(`${value}\0`)
const attribute = encodeAttribute
const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts))

describe('messages', () => {
  it('round-trip, several in one datagram, padded between', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(0xffff), fc.nat(0xffff), fc.uint8Array({ maxLength: 50 }))), messages => {
        const bytes = join(...messages.map(([type, flags, payload]) => encodeMessage(type, flags, 7, payload)))
        const decoded = [...decodeMessages(bytes)].map(({ type, flags, payload }) => [type, flags, payload])
        expect(decoded).toEqual(messages)
      }),
    )
  })

  it('end at an impossible length', () => {
    const good = encodeMessage(16, 0, 1, new Uint8Array(4))
    for (const length of [0, 15, 21, 0xffff_ffff]) {
      const bad = join(u32(length), new Uint8Array(16))
      expect([...decodeMessages(join(good, bad))].length).toBe(1)
    }
    expect([...decodeMessages(good.subarray(0, 19))]).toEqual([])
  })
})

it("messages from a process are not accepted as the kernel's", () => {
  // NETLINK_USERSOCK (linux/netlink.h), where processes can send to each other without privileges.
  const [sender, receiver] = [openNetlink(2), openNetlink(2)]
  onTestFinished(() => [sender, receiver].forEach(fd => void addon().close(fd)))
  const portId = process.pid + 0x4000_0000
  expect(bindNetlink(receiver, { portId })).toBe(0)
  const batch = new SendBatch()
  batch.add(
    encodeMessage(16, 0, 1, new Uint8Array(16)),
    pack([2, addon().constants.AF_NETLINK!], [2, 0], [4, portId], [4, 0]),
  )
  expect(batch.send(sender)).toBe(1)
  const buffer = new ReceiveBuffer(1024)
  expect(addon().receive(receiver, buffer.memory, buffer.table, 0)).toBe(1)
  const packet = buffer.select(0)
  expect([...decodeMessages(packet.data)]).toHaveLength(1)
  expect([...messagesOf(packet)]).toEqual([])
})

describe('attributes', () => {
  it('round-trip', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(0x3fff), fc.uint8Array({ maxLength: 50 }))), list => {
        const bytes = join(...list.map(([type, value]) => attribute(type, value)))
        expect([...decodeAttributes(bytes)]).toEqual([...new Map(list)])
      }),
    )
  })

  it('lose their flags of nesting and byte order', () => {
    expect([...decodeAttributes(attribute(0xc000 | 18, u32(1))).keys()]).toEqual([18])
  })

  it('end at an impossible length', () => {
    const good = attribute(3, u32(1))
    for (const length of [0, 3, 9, 0xffff]) {
      expect(decodeAttributes(join(good, u16(length), u16(4), u32(0))).size).toBe(1)
    }
  })
})

describe('links', () => {
  const header = (flags: number, type = 1, family = 0) =>
    pack([1, family], [1, 0], [2, type], [4, 7], [4, flags], [4, 0])

  it('are decoded with kind, address, master and counters', () => {
    const counters = new Uint8Array(192)
    counters.set(pack([4, 0xffff_ffff], [4, 1]), 16)
    const payload = join(
      header(0x1 | 0x40),
      attribute(3, text('wan2')),
      attribute(4, u32(1492)),
      attribute(10, u32(3)),
      attribute(1, Uint8Array.of(2, 0, 0, 0xab, 0, 1)),
      attribute(18, attribute(1, text('ppp'))),
      attribute(23, counters),
    )
    const link = decodeLink(payload)!
    expect(link).toMatchObject({ index: 7, name: 'wan2', kind: 'ppp', up: true, running: true, mtu: 1492 })
    expect(link).toMatchObject({ mac: '02:00:00:ab:00:01', masterIndex: 3 })
    if (pack([2, 1])[0] === 1) expect(link.counters).toMatchObject({ rxPackets: 0, rxBytes: 2 ** 33 - 1 })
  })

  it('without a kind are loopback or physical, and down without their flags', () => {
    const name = attribute(3, text('x'))
    expect(decodeLink(join(header(0x8, 772), name))).toMatchObject({ kind: 'loopback', mac: undefined, up: false })
    expect(decodeLink(join(header(0x1), name))).toMatchObject({ kind: 'physical', up: true, running: false })
  })

  it('are running by their flag and their carrier, also in a request for only these', () => {
    const carrier = (is: number) => attribute(33, Uint8Array.of(is))
    const running = (...parts: Uint8Array[]) => decodeRunning(join(...parts))
    expect(running(header(0x1 | 0x40), carrier(1))).toEqual([7, true])
    expect(running(header(0x1 | 0x40))).toEqual([7, true])
    expect(running(header(0x1 | 0x40), carrier(0))).toEqual([7, false])
    expect(running(header(0x1), carrier(1))).toEqual([7, false])
    expect(running(header(0x1 | 0x40, 1, 7), carrier(1))).toBe(undefined)
  })

  it("ignore a bridge's messages about its port: its DELLINK means that the port left, not that it was deleted", () => {
    expect(decodeLink(join(header(1, 1, 7), attribute(3, text('port0'))))).toBe(undefined)
    expect(decodeLink(header(1))).toBe(undefined)
  })
})

describe('addresses', () => {
  const v4 = (...bytes: number[]) => Uint8Array.from(bytes)

  it('have the local end and the peer', () => {
    const header = pack([1, 2], [1, 32], [1, 0x80], [1, 0], [4, 5])
    const ends = [attribute(2, v4(192, 0, 2, 1)), attribute(1, v4(192, 0, 2, 9))]
    expect(decodeLinkAddress(join(header, ...ends))).toMatchObject({
      deviceIndex: 5,
      address: { address: '192.0.2.1', peer: '192.0.2.9', prefixLength: 32, scope: 'global', secondary: false },
    })
  })

  it('prefer the long flags to the short ones, and have the lifetime', () => {
    const header = pack([1, 10], [1, 64], [1, 0], [1, 253], [4, 5])
    const bytes = new Uint8Array(16)
    bytes.set([0xfe, 0x80], 0)
    bytes[15] = 1
    const cacheInfo = pack([4, 10], [4, 60], [4, 0], [4, 0])
    const payload = join(header, attribute(1, bytes), attribute(8, u32(0x40 | 0x20)), attribute(6, cacheInfo))
    expect(decodeLinkAddress(payload)!.address).toMatchObject({
      ...{ address: 'fe80::1', family: 6, scope: 'link', tentative: true, deprecated: true, validMs: 60_000 },
    })
  })
})

describe('routes', () => {
  const header = (family: number, length: number, type = 1, flags = 0, sourceLength = 0) =>
    pack([1, family], [1, length], [1, sourceLength], [1, 0], [1, 254], [1, 4], [1, 0], [1, type], [4, flags])
  const gateway = Uint8Array.of(192, 0, 2, 254)

  it('are decoded with gateway, metric and the long table number', () => {
    const payload = join(
      header(2, 0),
      attribute(15, u32(1000)),
      attribute(6, u32(100)),
      attribute(4, u32(3)),
      attribute(5, gateway),
    )
    expect(decodeDefaultRoute(payload)).toMatchObject({
      ...{ family: 4, type: 'unicast', destination: '0.0.0.0/0', table: 1000, metric: 100 },
      hops: [{ deviceIndex: 3, gateway: '192.0.2.254' }],
    })
  })

  it.each([
    { preference: 1, byte: 1 },
    { preference: 0, byte: 0 },
    { preference: -1, byte: 3 },
  ])('have the preference $preference of a router advertisement', ({ preference, byte }) => {
    const payload = join(header(10, 0), attribute(4, u32(3)), attribute(20, Uint8Array.of(byte)))
    expect(decodeDefaultRoute(payload)).toMatchObject({ preference })
  })

  it('are no default routes if they are for one type of service', () => {
    const payload = join(header(2, 0), attribute(4, u32(3)))
    payload[3] = 0x10
    expect(decodeDefaultRoute(payload)).toBe(undefined)
  })

  it('have an IPv6 gateway for IPv4 with RTA_VIA', () => {
    const via = join(u16(10), Uint8Array.of(0xfe, 0x80, ...new Array(13).fill(0), 1))
    const payload = join(header(2, 0), attribute(4, u32(3)), attribute(18, via))
    expect(decodeRoute(payload)!.hops).toEqual([{ deviceIndex: 3, gateway: 'fe80::1' }])
  })

  it('have all hops of a multipath', () => {
    const hop = (index: number, ...attributes: Uint8Array[]) => {
      const rest = join(...attributes)
      return join(pack([2, 8 + rest.length], [1, 0], [1, 0], [4, index]), rest)
    }
    const hops = join(hop(3, attribute(5, gateway)), hop(4))
    expect(decodeRoute(join(header(2, 0), attribute(9, hops)))!.hops).toEqual([
      { deviceIndex: 3, gateway: '192.0.2.254', weight: 1 },
      { deviceIndex: 4, gateway: undefined, weight: 1 },
    ])
    const lying = join(hop(3), u16(200), new Uint8Array(6))
    expect(decodeRoute(join(header(2, 0), attribute(9, lying)))!.hops.length).toBe(1)
  })

  it("exclude the kernel's own, cached clones, and, if only defaults are requested, narrower ones", () => {
    for (const type of [2, 3, 4, 5]) expect(decodeRoute(header(2, 0, type))).toBe(undefined)
    expect(decodeRoute(header(10, 0, 1, 0x200))).toBe(undefined)
    expect(decodeDefaultRoute(header(2, 24))).toBe(undefined)
    expect(decodeRoute(header(2, 24))).toMatchObject({ destination: '0.0.0.0/24' })
    expect(decodeRoute(header(10, 0, 7, 0, 56))).toMatchObject({ type: 'unreachable', source: '::/56' })
  })
})

describe('rules', () => {
  it.each([
    { suppressPrefixLength: 0 },
    { source: '192.0.2.2' },
    { source: '2001:db8::2', family: 6 as const },
    { device: 'wan1' },
    { mark: 0x200 },
  ])('are read back as they were written: %j', selector => {
    const rule = { family: 4 as const, priority: 20_000, table: 7770, protocol: 77, ...selector }
    expect(decodeRule(encodeRule(rule))).toEqual(rule)
  })

  it('exclude those without a table, and those of other families', () => {
    const bytes = encodeRule({ family: 4, priority: 1, table: 7770, protocol: 77 })
    expect(decodeRule(Uint8Array.from(bytes, (byte, i) => (i === 7 ? 7 : byte)))).toBe(undefined)
    expect(decodeRule(Uint8Array.from(bytes, (byte, i) => (i === 0 ? 128 : byte)))).toBe(undefined)
    expect(decodeRule(bytes.subarray(0, 11))).toBe(undefined)
  })
})

describe('default routes', () => {
  const common = { family: 4 as const, table: 7770, protocol: 77, metric: 0 }

  it.each([
    { hops: [{ deviceIndex: 3, gateway: '192.0.2.1' }], preferredSource: '192.0.2.2' },
    { hops: [{ deviceIndex: 3, gateway: '192.0.2.1', onLink: true as const }] },
    { hops: [{ deviceIndex: 3 }] },
    { hops: [{ deviceIndex: 3 }], metrics: attribute(2, u32(1400)) },
    { hops: [{ deviceIndex: 3, gateway: 'fe80::1' }] },
    { family: 6 as const, metric: 1024, hops: [{ deviceIndex: 3, gateway: 'fe80::1' }] },
    {
      hops: [
        { deviceIndex: 3, gateway: '192.0.2.1', weight: 3 },
        { deviceIndex: 4, weight: 256 },
      ],
    },
  ])('are read back as they were written: %j', route => {
    const { family } = { ...common, ...route }
    const destination = family === 4 ? '0.0.0.0/0' : '::/0'
    expect(decodeDefaultRoute(encodeDefaultRoute({ ...common, ...route }))).toEqual({
      ...{ ...common, type: 'unicast', destination, preference: 0 },
      ...route,
    })
  })

  it('without hops reject packets', () => {
    expect(decodeDefaultRoute(encodeDefaultRoute({ ...common, hops: [] }))).toMatchObject({ type: 'unreachable' })
  })
})

describe('tracked connections', () => {
  const addresses = (source: number[], destination: number[]) =>
    attribute(1, join(attribute(1, Uint8Array.from(source)), attribute(2, Uint8Array.from(destination))))
  const original = addresses([10, 0, 0, 9], [203, 0, 113, 1])

  it('have their source and the destination of replies, and are deleted by tuple and id', () => {
    const reply = addresses([203, 0, 113, 1], [192, 0, 2, 2])
    const id = attribute(12, Uint8Array.of(1, 2, 3, 4))
    const payload = join(
      Uint8Array.of(2, 0, 0, 0),
      attribute(1, original),
      attribute(2, reply),
      attribute(3, u32(8)),
      id,
    )
    const { source, replyTo, forget } = decodeConnection(payload)!
    expect([source, replyTo]).toEqual(['10.0.0.9', '192.0.2.2'])
    expect(Buffer.from(forget.payload)).toEqual(
      Buffer.concat([Uint8Array.of(2, 0, 0, 0), attribute(0x8000 | 1, original), id]),
    )
  })

  it('need both tuples', () => {
    expect(decodeConnection(join(Uint8Array.of(2, 0, 0, 0), attribute(1, original)))).toBe(undefined)
  })
})

describe('nexthop objects', () => {
  it('resolve to hops, directly and through a group', () => {
    const hop = (id: number, device: number) =>
      decodeNexthop(
        join(
          pack([4, 2], [4, 0]),
          attribute(1, u32(id)),
          attribute(5, u32(device)),
          attribute(6, Uint8Array.of(10, 0, 0, id)),
        ),
      )!
    const members = join(...[1, 2, 9].map(id => pack([4, id], [4, 0])))
    const group = decodeNexthop(join(new Uint8Array(8), attribute(1, u32(5)), attribute(2, members)))!
    const all = new Map([hop(1, 11), hop(2, 12), group].map(item => [item.id, item]))
    expect(hopsOf(1, all)).toEqual([{ deviceIndex: 11, gateway: '10.0.0.1' }])
    expect(hopsOf(5, all).map(({ deviceIndex }) => deviceIndex)).toEqual([11, 12])
    expect(hopsOf(77, all)).toEqual([])
  })
})

describe('neighbours', () => {
  it('are requested by address and device, and have their state', () => {
    const request = encodeNeighbourRequest('fe80::1%3', 3)
    expect(request.length).toBe(12 + 4 + 16)
    expect(Buffer.from(request.subarray(16)).toString('hex')).toBe(`fe80${'0'.repeat(27)}1`)
    const header = pack([4, 2], [4, 3], [2, 0x20], [2, 0])
    const address = encodeAttribute(1, Uint8Array.of(192, 0, 2, 1))
    const times = encodeAttribute(3, pack([4, 9], [4, 9], [4, 150], [4, 1]))
    const neighbour = { address: '192.0.2.1', deviceIndex: 3, state: 'failed', mac: undefined, router: false }
    expect(decodeNeighbour(Buffer.concat([header, address, times]))).toEqual({ ...neighbour, changedMs: 1500 })
    expect(decodeNeighbour(Buffer.concat([header, address]))).toEqual({ ...neighbour, changedMs: 0 })
    const known = pack([4, 10], [4, 3], [2, 0x02], [1, 0x80], [1, 0])
    const mac = encodeAttribute(2, Uint8Array.of(2, 0, 0, 0, 0, 0x77))
    expect(
      decodeNeighbour(Buffer.concat([known, encodeAttribute(1, Buffer.from('fe80'.padEnd(32, '0'), 'hex')), mac])),
    ).toEqual({
      address: 'fe80::',
      deviceIndex: 3,
      state: 'reachable',
      mac: '02:00:00:00:00:77',
      router: true,
      changedMs: 0,
    })
    expect(decodeNeighbour(new Uint8Array(9))).toBe(undefined)
  })
})

describe('every decoder', () => {
  const decoders = [
    decodeLink,
    decodeRunning,
    decodeLinkAddress,
    decodeRoute,
    decodeDefaultRoute,
    decodeNexthop,
    decodeNeighbour,
    decodeRule,
    decodeConnection,
    decodeTcpConnection,
  ]
  const survives = (bytes: Uint8Array) => {
    for (const decode of decoders) decode(bytes)
    for (const { payload } of decodeMessages(bytes)) for (const decode of decoders) decode(payload)
    decodeAttributes(bytes)
  }

  it('survives any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), survives), { numRuns: 5_000 })
  })

  it('survives attributes of any length where it expects numbers, addresses and nests', () => {
    const value = fc.uint8Array({ maxLength: 40 })
    const attributes = fc.array(fc.tuple(fc.nat(32), value), { maxLength: 12 })
    const head = fc.tuple(fc.constantFrom(0, 2, 10), fc.uint8Array({ minLength: 15, maxLength: 15 }))
    fc.assert(
      fc.property(head, attributes, fc.constantFrom(8, 12, 16), ([family, rest], list, size) => {
        const header = Uint8Array.of(family, ...rest).subarray(0, size)
        // Set a route's type, so that decoders read more than the header.
        if (size === 12) header[7] = 1
        survives(join(header, ...list.map(([type, bytes]) => attribute(type, bytes))))
      }),
      { numRuns: 5_000 },
    )
  })

  it('survives a message cut at any byte', () => {
    const name = attribute(3, text('wan1'))
    const whole = encodeMessage(
      16,
      0,
      1,
      join(pack([4, 0], [4, 1], [4, 1], [4, 0]), name, attribute(23, new Uint8Array(192))),
    )
    for (let length = 0; length <= whole.length; length++) survives(whole.subarray(0, length))
  })
})
