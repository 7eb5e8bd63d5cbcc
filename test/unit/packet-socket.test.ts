import { readdirSync } from 'node:fs'
import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import { addon, Batch, Field } from '../../src/binding/addon.js'
import { decodeAddress, encodeAddress } from '../../src/sockets/address.js'
import { bindToDevice, boundDevice, openDescriptor } from '../../src/sockets/open.js'
import { getOption, setOption } from '../../src/sockets/options.js'
import { PacketSocket } from '../../src/sockets/packet-socket.js'
import type { Packet } from '../../src/sockets/receive-buffer.js'
import { SendBatch } from '../../src/sockets/send-batch.js'

const descriptors = () => readdirSync('/proc/self/fd').length

function portOf(fd: number): number {
  const bytes = new Uint8Array(28)
  const length = addon().getsockname(fd, bytes)
  return decodeAddress(bytes, length)!.port
}

/** Collects `count` packets. */
function collect(
  fd: number,
  count: number,
  pick: (packet: Packet) => unknown,
  payloadSize?: number,
): Promise<unknown[]> {
  return new Promise(resolve => {
    const seen: unknown[] = []
    const socket = new PacketSocket(
      fd,
      {
        readable: () => {
          while (socket.receive(packet => seen.push(pick(packet))) > 0);
          if (seen.length >= count) {
            socket.close()
            resolve(seen)
          }
        },
      },
      payloadSize,
    )
  })
}

describe.each([
  ['IPv4', 4, '127.0.0.1'],
  ['IPv6', 6, '::1'],
] as const)('PacketSocket over %s', (_, family, host) => {
  it('transfers a batch, each packet with its payload, source, hop limit and kernel time', async () => {
    const receiver = openDescriptor(family, 'datagram', 0, { localAddress: host }, 0)
    const sender = openDescriptor(family, 'datagram', 0, { localAddress: host }, 0)
    setOption(receiver, family === 4 ? 'IP_RECVTTL' : 'IPV6_RECVHOPLIMIT', 1)
    const { SOF_TIMESTAMPING_RX_SOFTWARE, SOF_TIMESTAMPING_SOFTWARE } = addon().constants
    setOption(receiver, 'SO_TIMESTAMPING', SOF_TIMESTAMPING_RX_SOFTWARE! | SOF_TIMESTAMPING_SOFTWARE!)
    // The kernel starts stamping shortly after the first socket requests it.
    await new Promise(resolve => setTimeout(resolve, 20))
    const before = Date.now()
    const received = collect(receiver, 3, packet => ({
      text: Buffer.from(packet.data).toString(),
      from: decodeAddress(packet.address),
      ttl: packet.field(Field.ttl),
      at: packet.unsigned(Field.seconds) * 1000 + packet.field(Field.nanoseconds) / 1e6,
    }))
    const batch = new SendBatch()
    const address = encodeAddress(host, portOf(receiver))
    expect(batch.add(Buffer.from('one'), address)).toBe(true)
    expect(batch.add(Buffer.alloc(0), address, 7)).toBe(true)
    expect(batch.add(Buffer.from('three'), address, 255)).toBe(true)
    expect(batch.send(sender)).toBe(3)
    const from = { address: host, family, port: portOf(sender) }
    const packets = (await received) as { at: number; ttl: number }[]
    expect(packets).toMatchObject([
      { text: 'one', from },
      { text: '', from, ttl: 7 },
      { text: 'three', from, ttl: 255 },
    ])
    for (const { at } of packets) expect(Math.abs(at - before)).toBeLessThan(10_000)
    addon().close(sender)
  })

  it('accepts 65,507 bytes, and reports the length of a truncated packet', async () => {
    const receiver = openDescriptor(family, 'datagram', 0, { localAddress: host }, 0)
    const sender = openDescriptor(family, 'datagram', 0, {})
    const received = collect(receiver, 1, packet => [packet.field(Field.length), packet.data.length], 1000)
    const batch = new SendBatch(70_000)
    batch.add(Buffer.alloc(60_000, 1), encodeAddress(host, portOf(receiver)))
    expect(batch.send(sender)).toBe(1)
    expect(await received).toEqual([[60_000, 1000]])
    addon().close(sender)
  })

  it('reads errors with type, code and sender from the error queue', async () => {
    const closed = openDescriptor(family, 'datagram', 0, { localAddress: host }, 0)
    const port = portOf(closed)
    addon().close(closed)
    const fd = openDescriptor(family, 'datagram', 0, {})
    setOption(fd, family === 4 ? 'IP_RECVERR' : 'IPV6_RECVERR', 1)
    const error = new Promise(resolve => {
      const socket = new PacketSocket(fd, {
        readable: () => {
          socket.receive(packet => {
            resolve({
              errno: packet.field(Field.errorNumber),
              type: packet.field(Field.errorType),
              code: packet.field(Field.errorCode),
              quoted: Buffer.from(packet.data).toString(),
              offender: decodeAddress(packet.offender)?.address,
            })
          }, true)
          socket.close()
        },
      })
    })
    const batch = new SendBatch()
    batch.add(Buffer.from('hello'), encodeAddress(host, port))
    batch.send(fd)
    const [type, code] = family === 4 ? [3, 3] : [1, 4]
    expect(await error).toEqual({ errno: constants.errno.ECONNREFUSED, type, code, quoted: 'hello', offender: host })
  })
})

describe('descriptors', () => {
  it('are closed on every failure, with a clear error', () => {
    const before = descriptors()
    expect(() => openDescriptor(4, 'stream', 0, { device: 'nonesuch0' })).toThrow(
      expect.objectContaining({
        code: 'ENODEV',
        errno: -constants.errno.ENODEV,
        syscall: 'setsockopt(SO_BINDTODEVICE)',
        device: 'nonesuch0',
        hint: expect.stringContaining('lo'),
      }),
    )
    expect(() => openDescriptor(4, 'stream', 0, { localAddress: '192.0.2.7' })).toThrow(
      expect.objectContaining({ code: 'EADDRNOTAVAIL', syscall: 'bind', address: '192.0.2.7' }),
    )
    expect(() => openDescriptor(6, 'stream', 0, { localAddress: '127.0.0.1' })).toThrow(
      expect.objectContaining({ code: 'ERR_ADDRESS_FAMILY', address: '127.0.0.1' }),
    )
    expect(descriptors()).toBe(before)
  })

  it('are bound to the device and read back', () => {
    const fd = openDescriptor(4, 'datagram', 0, { device: 'lo', tos: 0x10 })
    expect(boundDevice(fd)).toBe('lo')
    expect(getOption(fd, 'IP_TOS')).toBe(0x10)
    addon().close(fd)
    expect(() => bindToDevice(fd, 'lo')).toThrow(expect.objectContaining({ code: 'EBADF' }))
  })

  it('can be closed only by their owner', () => {
    expect(addon().close(1)).toBe(-constants.errno.EBADF)
    const fd = openDescriptor(4, 'datagram', 0, {})
    expect(addon().detach(fd)).toBe(0)
    expect(addon().detach(fd)).toBe(-constants.errno.EBADF)
    expect(addon().close(fd)).toBe(-constants.errno.EBADF)
  })
})

describe('the addon with invalid arguments', () => {
  it('returns EINVAL instead of reading out of bounds', () => {
    const fd = openDescriptor(4, 'datagram', 0, {})
    const { EINVAL } = constants.errno
    const native = addon()
    const end = 2 ** 31 - 1
    const rows = [
      [0, 5, 0, 0, -1, 0, 0, 0],
      [-1, 1, 0, 0, -1, 0, 0, 0],
      [0, 1, end, end, -1, 0, 0, 0],
      [0, 1, 0, 0, -1, 0, 5, 0],
      [0, 1, 0, 0, -1, -1, 1, 0],
      [0, 1, 0, 0, -1, end, end, 0],
    ]
    for (const row of rows) {
      expect(row).toHaveLength(Batch.sendFields)
      expect(native.send(fd, new Uint8Array(4), Int32Array.from(row), 1, 0)).toBe(-EINVAL)
    }
    expect(native.send(fd, new Uint8Array(4), new Int32Array(Batch.sendFields - 1), 1, 0)).toBe(-EINVAL)
    expect(native.send(fd, new Uint8Array(4), new Int32Array(Batch.sendFields * 65), 65, 0)).toBe(-EINVAL)
    expect(native.receive(fd, new Uint8Array(64), new Int32Array(16), 0)).toBe(-EINVAL)
    expect(native.receive(fd, new Uint8Array(1 << 20), new Int32Array(16 * 65), 0)).toBe(-EINVAL)
    const [stream, none] = [Int32Array.of(2, 1, 0), new Uint8Array(0)]
    expect(native.open(new Int32Array(2), none, none, none)).toBe(-EINVAL)
    // @ts-expect-error no bytes must not mean no device
    expect(native.open(stream, 'lo', none, none)).toBe(-EINVAL)
    // @ts-expect-error deliberately wrong types
    expect(native.send(fd, 'x', undefined, 1, 0)).toBe(-EINVAL)
    native.close(fd)
  })
})
