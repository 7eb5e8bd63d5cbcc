import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { senders } from '../../src/cli/monitor/otlp/exporters.js'
import { otlpSettings } from '../../src/cli/monitor/otlp/options.js'
import type { Attempt } from '../../src/cli/monitor/otlp/outbox.js'
import { openTelemetry } from '../../src/cli/monitor/otlp/packages.js'
import { UplinkGroup, UplinkMonitor } from '../../src/index.js'
import { startMonitor, tcpUplinks } from './monitor-command.js'

/** How the collector answers a request on a connection. */
type Answer = (socket: Socket) => void

const drip = (socket: Socket, head: string, text: string) => {
  socket.write(head)
  const timer = setInterval(() => socket.write(text), 20)
  socket.on('close', () => clearInterval(timer))
}
const answering =
  (text: string): Answer =>
  socket =>
    socket.write(text, 'latin1')
const good = answering('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
const longReason = `\x9b2J\x1b[31m${'r'.repeat(10_000)}`

let answer: Answer = good
let connections = 0
const sockets = new Set<Socket>()
const server = createServer(socket => {
  connections++
  sockets.add(socket)
  socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  socket.on('data', bytes => {
    // The client sends its headers in one write.
    if (bytes.includes('POST ')) answer(socket)
  })
})
let port: number
const elsewhere: string[] = []
const other = createServer(socket => {
  elsewhere.push('connected')
  socket.destroy()
})
let otherPort: number

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  await once(other.listen(0, '127.0.0.1'), 'listening')
  port = (server.address() as { port: number }).port
  otherPort = (other.address() as { port: number }).port
})
afterAll(() => {
  for (const socket of sockets) socket.destroy()
  server.close()
  other.close()
})

const record = { hrTime: [1, 0], hrTimeObserved: [1, 0], severityText: 'x', body: 'x', attributes: {} }

/** Pushes log records one after the other. */
function pusher(timeout = 1000) {
  const check = { type: 'tcp', host: '127.0.0.1', port } as const
  const monitor = new UplinkMonitor({ uplinks: [{ name: 'a', device: 'lo', checks: [check] }] })
  const group = new UplinkGroup(monitor, { policy: 'failover' })
  onTestFinished(() => group.close())
  const packages = openTelemetry()
  const settings = otlpSettings({ url: `http://127.0.0.1:${port}`, timeout })
  const resource = packages.resources.resourceFromAttributes({})
  const { logs } = senders(packages, group, settings, 'netvia/test')
  return () => logs!([{ ...record, resource, instrumentationScope: { name: 'x' } } as never])
}

describe('a collector can neither block a push nor fill the memory', () => {
  test.each<[string, Answer, Attempt['result'], RegExp?]>([
    ['drips its header', s => drip(s, 'HTTP/1.1 200 OK\r\n', 'A: b\r\n'), 'failed'],
    ['drips its body', s => drip(s, 'HTTP/1.1 200 OK\r\n\r\n', 'x'), 'failed'],
    ['drips an error response', s => drip(s, 'HTTP/1.1 400 No\r\n\r\n', 'x'), 'failed'],
    ['sends interim answers forever', s => drip(s, '', 'HTTP/1.1 100 Continue\r\n\r\n'), 'failed'],
    [
      'switches protocols',
      answering('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
      'failed',
    ],
    ['does not answer', () => {}, 'failed'],
    ['closes', s => void s.destroy(), 'failed'],
    ['resets', s => void s.resetAndDestroy(), 'failed'],
    ['closes within the header', s => void s.end('HTTP/1.1 200 O'), 'failed'],
    ['closes within an error response', s => void s.end('HTTP/1.1 400 No\r\nContent-Length: 9\r\n\r\nx'), 'failed'],
    ['does not speak HTTP', answering('SSH-2.0-x\r\n'), 'failed'],
    [
      'sends a long Retry-After',
      answering('HTTP/1.1 503 No\r\nRetry-After: 9999999999\r\nContent-Length: 0\r\n\r\n'),
      'failed',
    ],
    ['sends a Retry-After of 0', answering('HTTP/1.1 429 No\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n'), 'failed'],
    ['sends endless headers', s => flood(s, 'HTTP/1.1 200 OK\r\n', 'A: b\r\n'), 'failed'],
    ['sends an endless body', s => flood(s, 'HTTP/1.1 400 No\r\n\r\n', 'x'), 'failed'],
    [
      'redirects',
      s => s.write(`HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:${otherPort}/\r\nContent-Length: 0\r\n\r\n`),
      'failed',
      /^status 307/,
    ],
    [
      'sends a long reason',
      answering(`HTTP/1.1 400 ${longReason}\r\nContent-Length: 0\r\n\r\n`),
      'refused',
      /^status 400.{0,200}$/s,
    ],
    [
      'is a captive portal',
      answering('HTTP/1.1 200 OK\r\nContent-Type: Text/HTML; charset=utf-8\r\nContent-Length: 6\r\n\r\n<html>'),
      'failed',
      /^a web page answered/,
    ],
    [
      'answers in JSON',
      answering('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'),
      'delivered',
    ],
    [
      'rejects a part, with a reason',
      answering('HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n\n\x0b\b\x03\x12\x07too old'),
      'refused',
      /^3 of one push: too old$/,
    ],
    [
      'accepts all, with a warning',
      answering('HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n\n\t\x12\x07too old'),
      'delivered',
    ],
    [
      'sends a decompression bomb',
      answering('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08'),
      'delivered',
    ],
  ])(
    'that %s',
    async (_what, hostile, result, why) => {
      const push = pusher()
      answer = hostile
      const before = process.memoryUsage().rss
      connections = 0
      const attempt = await push()
      expect(attempt.result).toBe(result)
      expect(attempt.why).toMatch(why ?? /^.{0,200}$/s)
      expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20)
      expect(elsewhere).toEqual([])
      answer = good
      expect(await push()).toEqual({ result: 'delivered', why: '' })
      expect(connections).toBeLessThan(20)
    },
    20_000,
  )

  test('however often that happens', async () => {
    const push = pusher(50)
    answer = answering('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')
    // OpenTelemetry's exporters allow at most 30 concurrent exports.
    for (let time = 0; time < 40; time++) expect((await push()).result).toBe('failed')
    answer = good
    await expect.poll(async () => (await push()).result, { timeout: 20_000 }).toBe('delivered')
  }, 30_000)
})

describe('a collector that throttles sets the pause', () => {
  const throttled = (status: number, ...headers: string[]) =>
    answering([`HTTP/1.1 ${status} No`, ...headers, 'Content-Length: 0', '\r\n'].join('\r\n'))

  test.each<[string, () => Answer, number | undefined]>([
    ['in seconds', () => throttled(429, 'Retry-After: 40'), 40_000],
    ['of five minutes at most', () => throttled(503, 'Retry-After: 9999999999'), 300_000],
    ['as a date', () => throttled(503, `Retry-After: ${new Date(Date.now() + 200_000).toUTCString()}`), 200_000],
    ['but not by what is neither', () => throttled(503, 'Retry-After: soon'), undefined],
    ['but not with another status', () => throttled(502, 'Retry-After: 40'), undefined],
    ['but not as the page of a portal', () => throttled(503, 'Retry-After: 40', 'Content-Type: text/html'), undefined],
  ])('%s', { timeout: 20_000 }, async (_how, hostile, expected) => {
    const push = pusher()
    answer = hostile()
    const { result, retryAfter } = await push()
    expect(result).toBe('failed')
    if (expected === undefined) expect(retryAfter).toBeUndefined()
    else {
      expect(retryAfter).toBeLessThanOrEqual(expected)
      expect(retryAfter).toBeGreaterThan(expected === 200_000 ? 140_000 : expected - 1)
    }
  })
})

/** Sends as fast as the other side reads. */
function flood(socket: Socket, head: string, text: string) {
  const chunk = text.repeat(2 ** 16)
  const more = () => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', more)
  socket.write(head)
  more()
}

test('a monitor whose collector drips ends within the documented time', async () => {
  answer = socket => drip(socket, 'HTTP/1.1 200 OK\r\n', 'A: b\r\n')
  const otlp = `otlp: { url: 'http://127.0.0.1:${port}', interval: 100ms, timeout: 10m }\n`
  const monitor = startMonitor(`${otlp}${tcpUplinks(['one', port])}`, ['--json', '-v'])
  await monitor.says(/"to":"up"/)
  await wait(1000)
  const asked = performance.now()
  monitor.child.kill('SIGTERM')
  const { signal } = await monitor.ended
  expect(signal).toBe('SIGTERM')
  // Five seconds for queued data (docs/opentelemetry.md), plus the end of a busy process.
  expect(performance.now() - asked).toBeLessThan(15_000)
}, 40_000)
