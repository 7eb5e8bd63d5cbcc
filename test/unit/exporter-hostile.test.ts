import { once } from 'node:events'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import type { Module } from '../../src/cli/exporter/config/modules.js'
import { runProbe } from '../../src/cli/exporter/run-probe.js'
import { startCli } from './cli-process.js'
import { certificateOf, closedPort, tcpServer } from './http-servers.js'
import { fileOf } from './monitor-command.js'

const probe = async (target: string, module: Module, timeout = 20_000) => {
  const about = { moduleName: 'm', device: undefined, hostname: undefined, userAgent: 'test' }
  const { success, log } = await runProbe({
    ...{ target, module, timeout, ...about, signal: new AbortController().signal },
  })
  return { success, log: log.lines().join('\n') }
}

const trusting: Module = { prober: 'http', http: { tls_config: { insecure_skip_verify: true } } }

const frame = (type: number, flags: number, stream: number, payload: number[] = []) =>
  Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream, ...payload])
const settings = frame(4, 0, 0)
/** PUSH_PROMISE with `:method: GET`, `:scheme: https`, `:path: /`, `:authority: a`. */
const promise = frame(5, 4, 1, [0, 0, 0, 2, 0x82, 0x87, 0x84, 0x41, 1, 97])
const endedWithoutError = frame(3, 0, 1, [0, 0, 0, 0])
const farewell = frame(7, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0])

/** Starts a server that handles each HTTP/2 request with `answer`. */
async function http2Server(answer: (socket: TLSSocket) => void): Promise<number> {
  const server = createTlsServer({ ...certificateOf('server'), ALPNProtocols: ['h2'] }, socket => {
    socket.on('error', () => {}).write(settings)
    socket.once('data', () => answer(socket))
    onTestFinished(() => void socket.destroy())
  })
  const port = await tcpServer(socket => void server.emit('connection', socket))
  return port
}

test.each<[string, (socket: TLSSocket) => void]>([
  ['a reset without an error', socket => socket.write(endedWithoutError)],
  ['a GOAWAY', socket => socket.end(farewell)],
  ['the end of the connection', socket => socket.end()],
])('a probe by HTTP/2 ends with %s', async (_, answer) => {
  const port = await http2Server(answer)
  const { success, log } = await probe(`https://127.0.0.1:${port}`, trusting)
  expect(success).toBe(false)
  expect(log).toMatch(/the server ended the request without an answer|ECONNRESET/)
})

/** HEADERS with `:status: 200`, and a part of a body. */
const begun = Buffer.concat([frame(1, 4, 1, [0x88]), frame(0, 0, 1, [120, 120])])
const cancelled = frame(3, 0, 1, [0, 0, 0, 8])
const end = frame(0, 1, 1)

test.each<[string, (socket: TLSSocket) => void]>([
  ['a reset without an error', socket => socket.write(Buffer.concat([begun, endedWithoutError]))],
  ['a reset that cancels it', socket => socket.write(Buffer.concat([begun, cancelled]))],
  ['a GOAWAY', socket => socket.end(Buffer.concat([begun, frame(7, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0])]))],
  ['the end of the connection', socket => socket.end(begun)],
])('a body by HTTP/2 that is cut by %s is no success', async (_, answer) => {
  const { success, log } = await probe(`https://127.0.0.1:${await http2Server(answer)}`, trusting)
  expect(success).toBe(false)
  expect(log).toContain("the body can't be read: the server ended it before its last byte")
})

test.each<[string, Buffer]>([
  ['its end', Buffer.concat([begun, end])],
  ['its end and a reset without an error', Buffer.concat([begun, end, endedWithoutError])],
  ['trailers', Buffer.concat([begun, frame(1, 5, 1, [0, 1, 97, 1, 98])])],
  ['headers alone', frame(1, 5, 1, [0x88])],
])('a body by HTTP/2 is whole with %s', async (_, answer) => {
  const port = await http2Server(socket => socket.write(answer))
  expect(await probe(`https://127.0.0.1:${port}`, trusting)).toMatchObject({ success: true })
})

// Node would send its lower 8 bits by HTTP/2: "0.test", which is another host.
test('a header with a character beyond 8 bits is sent by no version of HTTP', async () => {
  let asked = 0
  const port = await http2Server(() => asked++)
  const http = { ...trusting.http, headers: { host: '\u0130.test' } }
  const { success, log } = await probe(`https://127.0.0.1:${port}`, { prober: 'http', http }, 3000)
  expect(success).toBe(false)
  expect(log).toContain('Invalid character in header content')
  expect(asked).toBe(0)
})

/** Runs the command, because an error that crashes it must not crash the test process. */
async function exporter(modules: string) {
  const child = startCli(['exporter', '-c', fileOf(modules), '--listen', '127.0.0.1:0'])
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await child.ended
  })
  const [said] = await once(child.stdout!, 'data')
  const [url] = /http:\S+/.exec(String(said))!
  return async (module: string, target: string) => {
    const answer = await fetch(`${url}probe?debug=true&module=${module}&target=${encodeURIComponent(target)}`)
    return answer.text()
  }
}

test('a server that pushes unsolicited responses, or never answers a handshake, fails only its probe', async () => {
  const trust = 'tls_config: { insecure_skip_verify: true }'
  const scrape = await exporter(`modules:
  http: { prober: http, timeout: 500ms, http: { ${trust} } }
  tcp: { prober: tcp, timeout: 500ms, tcp: { tls: true, ${trust} } }
`)
  const pushing = await http2Server(socket => socket.write(promise))
  const silent = await tcpServer(socket => void socket.resume())
  const inTime = /it took more than 500 ms[\s\S]*^probe_success 0$/m
  expect(await scrape('http', `https://127.0.0.1:${pushing}`)).toMatch(inTime)
  expect(await scrape('http', `https://127.0.0.1:${silent}`)).toMatch(inTime)
  expect(await scrape('tcp', `127.0.0.1:${silent}`)).toMatch(inTime)
  expect(await scrape('tcp', `127.0.0.1:${closedPort}`)).toMatch(/ECONNREFUSED/)
})

/** A server whose endless body is delimited by the end of the connection. */
const drippingServer = () =>
  tcpServer(socket => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    const drip = setInterval(() => socket.write('x'), 20)
    socket.on('close', () => clearInterval(drip))
  })
const tooLate = { success: false, log: expect.stringContaining('it took more than 300 ms') }

test('a body that is incomplete at the time limit is no success', async () => {
  const port = await drippingServer()
  expect(await probe(`127.0.0.1:${port}`, { prober: 'http' }, 300)).toMatchObject(tooLate)
})

test('nor is it if the process was busy then and the probe gets more time', async () => {
  const port = await drippingServer()
  const probed = probe(`127.0.0.1:${port}`, { prober: 'http' }, 300)
  await new Promise(resolve => setTimeout(resolve, 200))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 190)
  expect(await probed).toMatchObject(tooLate)
})
