import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { listenProxy, type ProxyOptions } from '../../src/index.js'
import * as reach from '../../src/system/reach.js'

vi.mock('../../src/system/reach.js', async original => {
  const real = await original<typeof reach>()
  return { ...real, reachOf: vi.fn(real.reachOf) }
})

async function udp(address: string): Promise<UdpSocket> {
  const socket = createSocket('udp4').bind(0, address)
  onTestFinished(() => void socket.close())
  await once(socket, 'listening')
  return socket
}

async function start(options: ProxyOptions) {
  const proxy = await listenProxy({ port: 0, ...options })
  onTestFinished(() => proxy.close())
  return proxy
}

/** Opens a UDP association for a client at 127.0.0.1. Returns it with the address for its datagrams. */
async function associated() {
  const proxy = await start({ allowTargets: ['127.0.0.0/8'] })
  const control = connect(proxy.address().port, '127.0.0.1')
  onTestFinished(() => void control.destroy())
  control.write(Buffer.of(5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0))
  let answer = Buffer.alloc(0)
  while (answer.length < 12) answer = Buffer.concat([answer, (await once(control, 'data'))[0]])
  const client = await udp('127.0.0.1')
  const received: string[] = []
  client.on('message', bytes => received.push(bytes.subarray(10).toString()))
  return { proxy, client, received, port: answer.readUInt16BE(10) }
}

const datagram = (address: string, port: number, text: string) =>
  Buffer.concat([Buffer.of(0, 0, 0, 1, ...address.split('.').map(Number), port >> 8, port & 255), Buffer.from(text)])

/** Collects the datagrams that a socket receives, with their sources. */
function heard(socket: UdpSocket): { text: string; from: AddressInfo }[] {
  const all: { text: string; from: AddressInfo }[] = []
  socket.on('message', (bytes, from) => all.push({ text: String(bytes), from }))
  return all
}

test('an association accepts nothing from another address, neither as its client nor as a target', async () => {
  const { client, received, port } = await associated()
  const [target, stranger] = [await udp('127.0.0.2'), await udp('127.0.0.9')]
  const got = heard(target)
  const to = target.address().port
  stranger.send(datagram('127.0.0.2', to, 'from a stranger'), port, '127.0.0.1')
  client.send(datagram('127.0.0.2', to, 'first'), port, '127.0.0.1')
  await expect.poll(() => got.map(({ text }) => text)).toEqual(['first'])
  const far = got[0]!.from.port
  stranger.send('unasked', far, '127.0.0.1')
  target.send('asked', far, '127.0.0.1')
  await expect.poll(() => received).toEqual(['asked'])
})

test('it keeps a bounded number of targets, and forgets the oldest', async () => {
  const { proxy, client, received, port } = await associated()
  const [oldest, newest] = [await udp('127.0.0.2'), await udp('127.0.0.3')]
  const got = heard(oldest)
  client.send(datagram('127.0.0.2', oldest.address().port, 'x'), port, '127.0.0.1')
  await expect.poll(() => got.length).toBe(1)
  const far = got[0]!.from.port
  for (let sent = 1; sent < 1024; sent++) {
    client.send(datagram(`127.1.${sent >> 8}.${sent & 255}`, 9, 'x'), port, '127.0.0.1')
    // Don't overrun its receive queue.
    if (sent % 32 === 0) await expect.poll(() => proxy.statistics.uplinks.default!.bytesSent).toBe(sent + 1)
  }
  client.send(datagram('127.0.0.3', newest.address().port, 'x'), port, '127.0.0.1')
  await expect.poll(() => proxy.statistics.uplinks.default!.bytesSent).toBe(1025)
  oldest.send('forgotten', far, '127.0.0.1')
  newest.send('known', far, '127.0.0.1')
  await expect.poll(() => received).toEqual(['known'])
})

test('a target that only the connected socket shows to be this machine is refused', async () => {
  // Simulates a system that forbids netlink.
  vi.mocked(reach.reachOf).mockReturnValue('elsewhere')
  const proxy = await start({})
  const { port } = proxy.address()
  const client = connect(port, '127.0.0.1')
  onTestFinished(() => void client.destroy())
  client.write(Buffer.of(5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255))
  let answer = Buffer.alloc(0)
  client.on('data', bytes => {
    answer = Buffer.concat([answer, bytes])
  })
  await once(client, 'close')
  expect([...answer.subarray(0, 4)]).toEqual([5, 0, 5, 2])
})
