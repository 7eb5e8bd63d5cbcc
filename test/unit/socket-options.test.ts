import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connect, connectTls, type ListenOptions, listen, openUdp } from '../../src/index.js'
import { getOption, getOptionBytes } from '../../src/sockets/options.js'

const descriptorOf = (socket: unknown) => (socket as { _handle: { fd: number } })._handle.fd
const udpDescriptorOf = (socket: unknown) =>
  Reflect.ownKeys(socket as object)
    .map(key => (socket as Record<PropertyKey, { handle?: { fd: number } }>)[key]?.handle?.fd)
    .find(fd => fd !== undefined)!
const congestionOf = (socket: Socket) =>
  Buffer.from(getOptionBytes(descriptorOf(socket), 'TCP_CONGESTION', 16))
    .toString()
    .replace(/\0.*/s, '')

async function pair(host: string, client: object, server: object = {}): Promise<{ ours: Socket; theirs: Socket }> {
  const listening = await listen({ host, port: 0, socketOptions: server } as ListenOptions)
  onTestFinished(() => void listening.close())
  const accepted = once(listening, 'connection') as Promise<[Socket]>
  const { port } = listening.address() as AddressInfo
  const ours = await connect({ host, port, socketOptions: client })
  const [theirs] = await accepted
  onTestFinished(() => {
    ours.destroy()
    theirs.destroy()
  })
  return { ours, theirs }
}

describe('socketOptions', () => {
  test('of connect are set on the connection', async () => {
    const { ours } = await pair('127.0.0.1', { IP_TTL: 9, TCP_MAXSEG: 600, TCP_CONGESTION: 'reno', SO_PRIORITY: 3 })
    expect(getOption(descriptorOf(ours), 'IP_TTL')).toBe(9)
    expect(getOption(descriptorOf(ours), 'SO_PRIORITY')).toBe(3)
    // The SYN announced it to the other end. The kernel subtracts room for timestamps.
    expect(getOption(descriptorOf(ours), 'TCP_MAXSEG')).toBeLessThanOrEqual(600)
    expect(congestionOf(ours)).toBe('reno')
  })

  test('of listen are set on accepted connections', async () => {
    const { theirs } = await pair('127.0.0.1', {}, { IP_TTL: 7, TCP_CONGESTION: 'reno', TCP_NOTSENT_LOWAT: 4096 })
    expect(getOption(descriptorOf(theirs), 'IP_TTL')).toBe(7)
    expect(getOption(descriptorOf(theirs), 'TCP_NOTSENT_LOWAT')).toBe(4096)
    expect(congestionOf(theirs)).toBe('reno')
  })

  test('of the other family are ignored', async () => {
    const both = { IP_TTL: 9, IPV6_UNICAST_HOPS: 8 }
    expect(getOption(descriptorOf((await pair('127.0.0.1', both)).ours), 'IP_TTL')).toBe(9)
    expect(getOption(descriptorOf((await pair('::1', both)).ours), 'IPV6_UNICAST_HOPS')).toBe(8)
  })

  test('of openUdp are set before the socket is bound', async () => {
    const socket = await openUdp({ host: '127.0.0.1', socketOptions: { SO_RCVBUF: 5000, IP_TTL: 5 } })
    onTestFinished(() => void socket.close())
    expect(getOption(udpDescriptorOf(socket), 'SO_RCVBUF')).toBe(10_000)
    expect(getOption(udpDescriptorOf(socket), 'IP_TTL')).toBe(5)
  })

  test('are refused by name if they would take a socket off its path, or are unknown', async () => {
    const target = { host: '127.0.0.1', port: 9 }
    for (const name of ['SO_BINDTODEVICE', 'SO_MARK', 'IP_PKTINFO', 'IP_UNICAST_IF', 'SO_RCVBUFF']) {
      const call = connect({ ...target, socketOptions: { [name]: 1 } as object })
      await expect(call).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringContaining(name),
      })
    }
    const odd = { SO_RCVBUF: '5' } as object
    await expect(connectTls({ ...target, socketOptions: odd })).rejects.toThrow(
      'socketOptions: SO_RCVBUF must be an integer',
    )
    await expect(openUdp({ socketOptions: { TCP_MAXSEG: 600 } as object })).rejects.toThrow(
      'unknown option "TCP_MAXSEG"',
    )
  })

  test('that the kernel refuses are reported by name, and leave nothing open', async () => {
    const { ours } = await pair('127.0.0.1', {})
    const port = ours.remotePort!
    const congestion = connect({ host: '127.0.0.1', port, socketOptions: { TCP_CONGESTION: 'nope' } })
    await expect(congestion).rejects.toMatchObject({ code: 'ENOENT', syscall: 'setsockopt(TCP_CONGESTION)' })
    await expect(congestion).rejects.toThrow('net.ipv4.tcp_available_congestion_control')
    const hops = connect({ host: '127.0.0.1', port, socketOptions: { IP_TTL: 300 } })
    await expect(hops).rejects.toMatchObject({ code: 'EINVAL', syscall: 'setsockopt(IP_TTL)' })
  })
})
