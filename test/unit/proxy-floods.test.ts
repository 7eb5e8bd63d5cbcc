import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listenProxy } from '../../src/index.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** A target that begins with this text, and repeats the other one as long as anybody reads. `proxy` is one in front of it. */
async function floodedBy(beginning: string, repeated: string) {
  const bytes = Buffer.from(repeated.repeat(5000))
  const server = createServer(socket => {
    const pour = () => {
      while (!socket.destroyed && socket.write(bytes));
    }
    socket.on('error', () => {}).on('drain', pour)
    socket.once('data', () => {
      socket.write(beginning)
      pour()
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const proxy = await listenProxy({ port: 0, allowTargets: ['127.0.0.0/8'] })
  onTestFinished(async () => {
    await proxy.close()
    server.close()
  })
  const ask = (): Socket => {
    const socket = connect(proxy.address().port, '127.0.0.1').on('error', () => {})
    const { port } = server.address() as { port: number }
    return socket.setEncoding('latin1').end(`GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\n\r\n`)
  }
  return { proxy, ask }
}

test('a target that sends interim responses without end is a bad gateway', async () => {
  const { proxy, ask } = await floodedBy('', 'HTTP/1.1 103 Early Hints\r\n\r\n')
  const [text] = await once(ask(), 'data')
  expect(text).toMatch(/^HTTP\/1.1 502 /)
  await expect.poll(() => proxy.statistics.uplinks.default!.open).toBe(0)
}, 60_000)

const used = () => {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 2 ** 20
}

const chunked = 'Transfer-Encoding: chunked\r\n\r\n'
const chunk = '1\r\nx\r\n'

// Streams count bytes, and each of these is an object of up to a kilobyte.
describe('a body in chunks of one byte takes little memory', () => {
  test('in a response to clients that do not read', async () => {
    const { proxy, ask } = await floodedBy(`HTTP/1.1 200 OK\r\n${chunked}`, chunk)
    const before = used()
    const clients = [ask(), ask()].map(socket => socket.pause())
    onTestFinished(() => clients.forEach(socket => void socket.destroy()))
    let seen = 0
    const stands = () => {
      const last = seen
      seen = proxy.statistics.uplinks.default?.bytesReceived ?? 0
      return seen > 0 && seen === last
    }
    await expect.poll(stands, { timeout: 100_000, interval: 1000 }).toBe(true)
    // What waits for these clients stays. What the pouring used may take a second collection.
    await expect.poll(() => used() - before).toBeLessThan(6)
  }, 180_000)

  test('in a request whose target is still looked up', async () => {
    const server = createSocket('udp4').bind(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = await listenProxy({ port: 0, servers: [`127.0.0.1:${server.address().port}`] })
    const before = used()
    const clients = Array.from({ length: 20 }, () => connect(proxy.address().port, '127.0.0.1').on('error', () => {}))
    onTestFinished(async () => {
      for (const socket of clients) socket.destroy()
      server.close()
      await proxy.close()
    })
    const head = `POST http://silent.example/ HTTP/1.1\r\nHost: x\r\n${chunked}`
    for (const socket of clients) socket.write(head + chunk.repeat(25_000))
    await once(server, 'message')
    await expect.poll(() => proxy.statistics.clients).toBe(clients.length)
    await wait(3000)
    await expect.poll(() => used() - before).toBeLessThan(15)
  })
})
