import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LineServer, measureRate, serveLine } from '../../src/index.js'
import { proofOf } from '../../src/line/rate/channel.js'
import { sendLoad } from '../../src/line/rate/send-load.js'
import { openSockets } from './open-sockets.js'

const token = 'sixteen letters!'
let server: LineServer
beforeAll(async () => {
  server = await serveLine({ hosts: ['127.0.0.1'], port: 0, token, maxBytes: 300_000 })
})
afterAll(() => server.close())

/** A client that can send anything. */
class Client {
  readonly socket: Socket
  text = ''

  constructor(port = server.port) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', data => {
      this.text += data.toString('latin1')
    })
    this.socket.on('error', () => {})
  }

  say(message: unknown): void {
    this.socket.write(`${JSON.stringify(message)}\n`)
  }

  /** The line with this number, counted from 0. */
  async line(number: number): Promise<Record<string, unknown>> {
    while (this.text.split('\n').length < number + 2) await once(this.socket, 'data')
    return JSON.parse(this.text.split('\n')[number]!)
  }

  async nonce(): Promise<string> {
    return (await this.line(0)).nonce as string
  }

  async begin(bytes = 1e12): Promise<Record<string, unknown>> {
    this.say({ do: 'measure', proof: proofOf(token, await this.nonce()), milliseconds: 1e12, bytes })
    return this.line(1)
  }

  async closed(): Promise<void> {
    // The connection may also be reset.
    if (!this.socket.closed) await new Promise(resolve => this.socket.on('close', resolve))
  }
}

test.each([
  ['no message', 'GET / HTTP/1.1\r\n\r\n'],
  ['an endless message', 'x'.repeat(2000)],
  ['a wrong session', `${JSON.stringify({ do: 'carry', session: 'a', direction: 'down' })}\n`],
  ['a wrong proof', `${JSON.stringify({ do: 'measure', proof: 'a', milliseconds: 1000, bytes: 1e6 })}\n`],
  ['no proof', `${JSON.stringify({ do: 'measure', milliseconds: 1000, bytes: 1e6 })}\n`],
])('a client that sends %s gets a line or two, and is closed', async (_, words) => {
  const client = new Client()
  await client.nonce()
  client.socket.write(words)
  await client.closed()
  expect(client.text.length).toBeLessThan(200)
})

test('a refused client that keeps its end open uses no resources', async () => {
  const before = await openSockets()
  const client = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
  client.on('error', () => {}).write(`${JSON.stringify({ do: 'measure', milliseconds: 1000, bytes: 1e6 })}\n`)
  await once(client.resume(), 'end')
  // The client's own socket is still open.
  await expect.poll(openSockets, { timeout: 10_000 }).toBe(before + 1)
  client.destroy()
})

test('a proof is valid for only one connection', async () => {
  const [first, second] = [new Client(), new Client()]
  const proof = proofOf(token, await first.nonce())
  await second.nonce()
  second.say({ do: 'measure', proof, milliseconds: 1000, bytes: 1e6 })
  expect(await second.line(1)).toEqual({ refused: 'the token is another one' })
  first.socket.destroy()
  await second.closed()
})

test('the number of silent clients is limited', async () => {
  await using own = await serveLine({ hosts: ['127.0.0.1'], port: 0, token })
  const clients = Array.from({ length: 40 }, () => new Client(own.port))
  await Promise.all(clients.slice(32).map(client => client.closed()))
  expect(clients.slice(32).map(({ text }) => text)).toEqual(Array(8).fill(''))
  await Promise.all(clients.slice(0, 32).map(client => client.nonce()))
  for (const { socket } of clients) socket.destroy()
})

test('time and bytes are limited, whatever the client requests, and one measurement runs at a time', async () => {
  const [control, other, carrier] = [new Client(), new Client(), new Client()]
  const grant = await control.begin()
  expect(grant).toEqual({ session: expect.any(String), milliseconds: 60_000, bytes: 300_000 })
  expect(await other.begin()).toEqual({ refused: 'it is measuring another line' })
  await carrier.nonce()
  carrier.say({ do: 'carry', session: grant.session, direction: 'down' })
  await carrier.line(1)
  control.say({ start: 'down' })
  await control.line(2)
  await carrier.closed()
  expect(carrier.socket.bytesRead).toBeLessThan(310_000)
  control.socket.destroy()
  await other.closed()
})

test('a measurement accepts no connection from a client without its session', async () => {
  const [control, stranger] = [new Client(), new Client()]
  const { session } = await control.begin()
  await stranger.nonce()
  stranger.say({
    do: 'carry',
    session: `${session}`.replace(/^./, first => (first === '0' ? '1' : '0')),
    direction: 'down',
  })
  await stranger.closed()
  expect(stranger.text).not.toContain('ready')
  control.socket.destroy()
})

test('a client that disconnects gets no more data', { timeout: 30_000 }, async () => {
  await using own = await serveLine({ hosts: ['127.0.0.1'], port: 0, token, maxBytes: 1e12 })
  const [control, carrier] = [new Client(own.port), new Client(own.port)]
  const { session } = await control.begin()
  await carrier.nonce()
  carrier.say({ do: 'carry', session, direction: 'down' })
  await carrier.line(1)
  control.say({ start: 'down' })
  carrier.socket.removeAllListeners('data').resume()
  await once(carrier.socket, 'data')
  // Without this, the load would last a minute.
  control.socket.destroy()
  await carrier.closed()
})

test('a load removes only its own listeners: the server counts its connections with others', async () => {
  const peer = createTcpServer(socket => socket.resume()).listen(0, '127.0.0.1')
  await once(peer, 'listening')
  const socket = connect((peer.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  socket.on('close', () => {}).on('drain', () => {})
  const listeners = () => (['close', 'drain'] as const).map(name => socket.listeners(name))
  const before = listeners()
  await sendLoad([socket], { milliseconds: 100, bytes: 1e6, signal: new AbortController().signal })
  expect(listeners()).toEqual(before)
  socket.destroy()
  peer.close()
})

test('a client that sends more than it may is closed', async () => {
  const [control, carrier] = [new Client(), new Client()]
  const { session } = await control.begin()
  await carrier.nonce()
  carrier.say({ do: 'carry', session, direction: 'up' })
  await carrier.line(1)
  carrier.socket.write(Buffer.alloc(400_000))
  await Promise.all([control.closed(), carrier.closed()])
})

test("a server that is not netvia's is a result", async () => {
  const before = await openSockets()
  const web = createServer().listen(0, '127.0.0.1')
  await once(web, 'listening')
  const { port } = web.address() as { port: number }
  const rate = await measureRate(`127.0.0.1:${port}`, { token, timeout: 1000 })
  expect(rate).toMatchObject({ ok: false, idle: undefined, error: { code: 'ETIMEDOUT', syscall: 'rate', port } })
  web.close()
  web.closeAllConnections()
  expect(await openSockets()).toBe(before)
})
