import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anyMatches, matchLimitMs } from '../../src/checks/match.js'
import { checkHttp, connectTls, resolve } from '../../src/index.js'
import { Deadline } from '../../src/runtime/deadline.js'

const host = '127.0.0.1'
const timeout = 1500
const certificates = fileURLToPath(new URL('../lab/certificates', import.meta.url))

/** Servers in another thread. They answer with a short delay, and count questions and answers. */
const program = `
  const { workerData: { counts, certificates }, parentPort } = require('node:worker_threads')
  const net = require('node:net')
  const { readFileSync } = require('node:fs')
  const key = readFileSync(certificates + '/server.key')
  const cert = readFileSync(certificates + '/server.pem')
  const count = index => {
    Atomics.add(counts, index, 1)
    Atomics.notify(counts, index)
  }
  const later = answer => {
    count(0)
    setTimeout(() => answer(() => count(1)), 50)
  }
  const ok = 'HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok'
  const secure = require('node:tls').createServer({ key, cert }, socket =>
    socket.on('error', () => {}).on('data', () => later(done => socket.end(ok, done))))
  const servers = [
    net.createServer(socket => later(done => {
      secure.emit('connection', socket)
      setTimeout(done, 50)
    })),
    secure,
    net.createServer(socket => socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\\r\\ntransfer-encoding: chunked\\r\\n\\r\\n')
      later(done => socket.end('2\\r\\nok\\r\\n0\\r\\n\\r\\n', done))
    })),
    net.createServer(socket => socket.on('data', message => later(done => {
      message.writeUInt16BE(0x8183, 4)
      socket.write(message, done)
    }))),
  ]
  // Over UDP, every answer is truncated.
  const cut = require('node:dgram').createSocket('udp4')
  cut.on('message', (message, { port, address }) => {
    message.writeUInt16BE(0x8380, 2)
    cut.send(message, port, address)
  })
  // A port scan by another program may reset a connection at any time.
  for (const server of servers) server.prependListener('connection', socket => socket.on('error', () => {}))
  Promise.all(servers.map(server => new Promise(ready => server.listen(0, '${host}', ready)))).then(() => {
    const ports = servers.map(server => server.address().port)
    cut.bind(ports[3], '${host}', () => parentPort.postMessage(ports))
  })`

const counts = new Int32Array(new SharedArrayBuffer(8))
let worker: Worker
let ports: number[]

beforeAll(async () => {
  worker = new Worker(program, { eval: true, workerData: { counts, certificates } })
  ports = await new Promise(done => worker.once('message', done))
})

afterAll(() => worker.terminate())

/** Blocks the event loop in its poll phase, as if the process were stopped. Its timers run first after that. */
async function hold(until: () => void): Promise<void> {
  const own = createSocket('udp4').bind(0, host)
  await once(own, 'listening')
  await new Promise<void>(done => {
    own.on('message', () => {
      until()
      own.close(done)
    })
    own.send('now', own.address().port, host)
  })
}

const sleep = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

describe('an answer that arrived while the process could not read is no timeout', () => {
  const tls = { rejectUnauthorized: false }
  test.each<[call: string, work: () => Promise<unknown>, result: unknown]>([
    [
      'connectTls',
      async () => (await connectTls({ host, port: ports[0]!, timeout, ...tls })).destroy(),
      { destroyed: true },
    ],
    [
      'checkHttp in the TLS handshake, before the request',
      () => checkHttp(`https://${host}:${ports[0]}/`, { timeout, tls }),
      { ok: true },
    ],
    ['checkHttp by HTTPS', () => checkHttp(`https://${host}:${ports[1]}/`, { timeout, tls }), { ok: true }],
    [
      'checkHttp in the body',
      () => checkHttp(`http://${host}:${ports[2]}/`, { timeout, expectBody: 'ok' }),
      { ok: true },
    ],
    [
      'resolve over TCP',
      () => resolve('a.test', { timeout, type: 'A', servers: [`${host}:${ports[3]}`] }),
      { code: 'ENOTFOUND' },
    ],
  ])('%s', async (_call, work, result) => {
    counts.fill(0)
    let isOver = false
    const ended = work()
      .catch(error => error)
      .finally(() => {
        isOver = true
      })
    while (!isOver && Atomics.load(counts, 0) === 0) await new Promise(setImmediate)
    await hold(() => {
      Atomics.wait(counts, 1, 0, 10_000)
      sleep(2 * timeout)
    })
    expect(await ended).toMatchObject(result as object)
  })
})

test('a pattern that its thread has already matched does not count as slow', async () => {
  // Quadratic, so it takes too long for the event loop.
  const match = () => anyMatches(['a'.repeat(10_000)], /a*b|a$/)
  await match()
  const matched = match()
  await hold(() => sleep(2 * matchLimitMs))
  expect(await matched).toBe(true)
})

test('lost time is compensated once, by at most the timeout', async () => {
  const expired = new Promise<number>(done => {
    const start = performance.now()
    new Deadline(100, undefined, () => done(performance.now() - start))
  })
  await hold(() => sleep(1500))
  const took = await expired
  expect(took).toBeGreaterThan(1595)
  expect(took).toBeLessThan(2900)
})
