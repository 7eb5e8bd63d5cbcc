import { beforeEach, expect, it } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { checkTcp, connect, listen, ping, scanPorts, sweep, sweepPorts, tcpInfo } from '../../src/index.js'
import { requires } from '../unit/requirements.js'
import { callCounts, type Fault, inject } from './inject.js'

// Each feature that Linux 5.4 or qemu-user lacks has a fallback. Each test disables one of them and checks that the call was made.

beforeEach(context => requires(context, 'ping'))

/** After a ping, its path stays open for a while. A different TOS needs a new path. */
let tos = 0
async function pinged(...faults: Fault[]) {
  const end = inject(...faults)
  tos = (tos + 4) % 256
  const result = await ping('127.0.0.1', { device: 'lo', tos, timeout: 10_000 })
  for (const struck of end()) expect(struck).toBeGreaterThan(0)
  expect(result.outcome).toBe('reply')
  expect(result.rttMs).toBeGreaterThanOrEqual(0)
  return result
}

const lacks = (option: string, error = 'ENOPROTOOPT'): Fault => ({ call: 'setsockopt', option, error })

it("without SO_TIMESTAMPING, SO_TIMESTAMPNS provides the kernel's receive time, and the clock is user space's", async () => {
  expect((await pinged(lacks('SO_TIMESTAMPING'))).clock).toBe('user')
})

it('without SO_TIMESTAMPNS either, both times are taken in user space', async () => {
  expect((await pinged(lacks('SO_TIMESTAMPING'), lacks('SO_TIMESTAMPNS'))).clock).toBe('user')
})

it('without SO_RXQ_OVFL, drops are not counted, and nothing else changes', async () => {
  await pinged(lacks('SO_RXQ_OVFL'))
})

it('without SO_RCVBUFFORCE, SO_RCVBUF sets the buffer size', async () => {
  await pinged(lacks('SO_RCVBUFFORCE', 'EPERM'))
})

it.each(['EACCES', 'EPROTONOSUPPORT'])('without ping sockets (%s), a raw socket is opened', async error => {
  const { AF_INET, SOCK_DGRAM, IPPROTO_ICMP } = addon().constants
  await pinged({ call: 'socket', numbers: [AF_INET!, SOCK_DGRAM!, IPPROTO_ICMP!], error })
})

it('without unprivileged SO_BINDTODEVICE (before Linux 5.7), calls fail with a hint instead of using an unbound socket', async () => {
  using _ = inject(lacks('SO_BINDTODEVICE', 'EPERM'))
  const refused = { code: 'EPERM', device: 'lo', hint: expect.stringContaining('Linux 5.7') }
  await expect(ping('127.0.0.1', { device: 'lo', tos: 0xfc })).rejects.toMatchObject(refused)
  await expect(connect({ host: '127.0.0.1', port: 9, device: 'lo' })).rejects.toMatchObject(refused)
})

it.each(['EINVAL', 'ENOPROTOOPT'])(
  'if the bound device cannot be read by name (%s), it is read by index',
  async error => {
    await pinged({ call: 'getsockopt', option: 'SO_BINDTODEVICE', error })
  },
)

it('if the bound device cannot be read in either way, the socket is not used', async () => {
  using _ = inject(
    { call: 'getsockopt', option: 'SO_BINDTODEVICE', error: 'ENOPROTOOPT' },
    { call: 'getsockopt', option: 'SO_BINDTOIFINDEX', error: 'ENOPROTOOPT' },
  )
  await expect(ping('127.0.0.1', { device: 'lo', tos: 0xf8 })).rejects.toMatchObject({ code: 'ENOPROTOOPT' })
})

it('a binding that the kernel accepts but does not apply is detected before anything is sent', async () => {
  using _ = inject({ call: 'setsockopt', option: 'SO_BINDTODEVICE' })
  const { connect: before } = callCounts()
  const notBound = { code: 'ERR_DEVICE_NOT_BOUND', device: 'lo' }
  await expect(connect({ host: '127.0.0.1', port: 9, device: 'lo' })).rejects.toMatchObject(notBound)
  await expect(checkTcp({ host: '127.0.0.1', port: 9, device: 'lo' })).rejects.toMatchObject(notBound)
  await expect(ping('127.0.0.1', { device: 'lo', tos: 0xf4 })).rejects.toMatchObject(notBound)
  expect(callCounts().connect).toBe(before)
})

it('without IP_BIND_ADDRESS_NO_PORT, a connection from an address gets its port earlier', async () => {
  const server = await listen({ host: '127.0.0.1', port: 0 }, client => client.end())
  const end = inject(lacks('IP_BIND_ADDRESS_NO_PORT'))
  const { port } = server.address() as { port: number }
  const socket = await connect({ host: '127.0.0.1', port, localAddress: '127.0.0.2' })
  expect(end()[0]).toBeGreaterThan(0)
  expect(socket.localAddress).toBe('127.0.0.2')
  expect(tcpInfo(socket).mss).toBeGreaterThan(0)
  socket.destroy()
  server.close()
})

it('without IPv6, sweeps probe their IPv4 targets and report the error for the others', async () => {
  using faults = inject({ call: 'socket', numbers: [10], error: 'EAFNOSUPPORT' })
  const targets = ['::1', '127.0.0.1', '::1']
  const fault = { error: { code: 'EAFNOSUPPORT' } }
  const swept = sweep(targets, { device: 'lo', timeout: 10_000 })
  const pings = await collect(swept)
  expect(pings.filter(({ family }) => family === 4)).toMatchObject([{ outcome: 'reply' }])
  expect(pings.filter(({ family }) => family === 6)).toMatchObject(
    [0, 1].map(() => ({ outcome: 'send-failed', ...fault })),
  )
  expect(swept.statistics).toMatchObject({ sent: 1, unsent: 2, received: 1 })
  expect(swept.progress).toMatchObject({ done: 3, remaining: 0 })
  const ports = await collect(sweepPorts(targets, { device: 'lo', ports: [9] }))
  expect(ports.filter(({ address }) => address === '127.0.0.1')).toMatchObject([{ state: 'closed' }])
  expect(ports.filter(({ address }) => address === '::1')).toMatchObject(
    [0, 1].map(() => ({ state: 'unsent', ...fault })),
  )
  await expect(collect(scanPorts('::1', { device: 'lo', ports: [9] }))).rejects.toMatchObject(fault.error)
  expect(faults()[0]).toBeGreaterThan(0)
})

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
