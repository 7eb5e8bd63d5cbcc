import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listenProxy } from '../../src/index.js'
import { callCounts, type Fault, inject } from './inject.js'

/** The value of EPOLL_CTL_ADD. */
const adding = 1

/** Starts an echo server and a proxy in front of it. Its clients connect while the faults are active. */
async function startProxy() {
  const server = createServer(socket => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await listenProxy({ port: 0, allowTargets: ['127.0.0.1'] })
  onTestFinished(async () => {
    await proxy.close()
    server.close()
  })
  const { port: target } = server.address() as AddressInfo
  const handshake = Buffer.of(5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, target >> 8, target & 255)
  const client = () => {
    const socket = connect({ port: proxy.address().port, host: '127.0.0.1' }).on('error', () => {})
    onTestFinished(() => void socket.destroy())
    socket.write(handshake)
    return socket
  }
  return { proxy, client }
}

/** The number of response bytes that a client receives: 12, unless the connection ends earlier. */
async function answers(socket: Socket): Promise<number> {
  let length = 0
  const closed = new Promise(resolve => socket.on('close', resolve))
  const whole = new Promise(resolve =>
    socket.on('data', bytes => {
      length += bytes.length
      if (length >= 12) resolve(undefined)
    }),
  )
  await Promise.race([closed, whole])
  return length
}

describe('a client is eventually accepted', () => {
  test.each<[string, Fault]>([
    ['after connections that were already aborted', { call: 'accept', error: 'ECONNABORTED', times: 200 }],
    ['after one with a pending error', { call: 'accept', error: 'EHOSTUNREACH', times: 1 }],
    ['after one that a filter forbids', { call: 'accept', error: 'EPERM', times: 1 }],
    ['if accepting is interrupted', { call: 'accept', error: 'EINTR', times: 3 }],
    ['once the process has free descriptors', { call: 'accept', error: 'EMFILE', times: 3 }],
    ['once the system has free descriptors', { call: 'accept', error: 'ENFILE', times: 3 }],
    ['once there is memory', { call: 'accept', error: 'ENOMEM', times: 3 }],
    ['once there is room for buffers', { call: 'accept', error: 'ENOBUFS', times: 3 }],
  ])('%s', async (_what, fault) => {
    const { client } = await startProxy()
    const end = inject(fault)
    expect(await answers(client())).toBe(12)
    expect(await answers(client())).toBe(12)
    expect(end()).toEqual([fault.times])
  })
})

test('without free descriptors, the proxy retries now and then, not all the time', async () => {
  const { client } = await startProxy()
  using _ = inject({ call: 'accept', error: 'EMFILE' })
  const socket = client()
  await once(socket, 'connect')
  const before = callCounts().accept!
  await sleep(1000)
  expect(callCounts().accept! - before).toBeLessThan(50)
  inject()
  expect(await answers(socket)).toBe(12)
})

test.each<[string, Fault]>([
  ['can’t be watched', { call: 'epoll_ctl', numbers: [adding], error: 'ENOSPC', times: 1 }],
  ['can’t be read', { call: 'read', error: 'ENOMEM', times: 1 }],
  ['can’t be answered', { call: 'send', error: 'ENOBUFS', times: 1 }],
])('a client that %s is closed, and the next one is served', async (_what, fault) => {
  const { proxy, client } = await startProxy()
  const end = inject(fault)
  const socket = connect({ port: proxy.address().port, host: '127.0.0.1' }).on('error', () => {})
  onTestFinished(() => void socket.destroy())
  const got = answers(socket)
  await once(socket, 'connect')
  // The proxy reads from it, and then watches it, before the client has sent anything.
  await sleep(50)
  socket.write(Buffer.of(5, 1, 0))
  expect(await got).toBeLessThan(12)
  expect(end()).toEqual([1])
  expect(await answers(client())).toBe(12)
})
