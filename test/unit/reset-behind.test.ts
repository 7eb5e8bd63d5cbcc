import { once } from 'node:events'
import { get as getPlainly, type IncomingMessage } from 'node:http'
import { get as getSecurely } from 'node:https'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { TLSSocket } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connect, connectTls, HttpAgent, HttpsAgent } from '../../src/index.js'
import { fetch } from '../../src/undici.js'
import { ca, certificateOf, serving } from './http-servers.js'

const request = 'GET / HTTP/1.1\r\n\r\n'
const answer = 'HTTP/1.1 200 OK\r\n\r\nonly this'
const resets = [['reset'], ['reset behind it']]

async function textOf(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

describe.each(resets)('a connection with a %s: its last bytes are no end', reset => {
  test('over TCP breaks', async () => {
    const { port } = await serving([answer, reset])
    const socket = await connect({ host: '127.0.0.1', port })
    socket.write(request)
    await expect(textOf(socket)).rejects.toMatchObject({ code: 'ECONNRESET', syscall: 'read' })
  })

  test('over TLS breaks', async () => {
    const { port } = await serving([answer, reset], {})
    const socket = await connectTls({ host: '127.0.0.1', port, ca, servername: 'localhost' })
    socket.write(request)
    await expect(textOf(socket)).rejects.toMatchObject({ code: 'ECONNRESET', syscall: 'read' })
  })

  test("fails the request of Node's client", async () => {
    const { url } = await serving([answer, reset])
    const sent = getPlainly(url, { agent: new HttpAgent() })
    const failed = once(sent, 'close').catch(error => error)
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    response.resume()
    expect(await failed).toMatchObject({ code: 'ECONNRESET' })
  })

  test("fails the request of Node's secure client", async () => {
    const { url } = await serving([answer, reset], {})
    const sent = getSecurely(url, { agent: new HttpsAgent({ ca, servername: 'localhost' }) })
    const failed = once(sent, 'close').catch(error => error)
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    response.resume()
    expect(await failed).toMatchObject({ code: 'ECONNRESET' })
  })

  test('breaks off the body of a fetch', async () => {
    const { url } = await serving([answer, reset])
    await expect(fetch(url).then(response => response.text())).rejects.toMatchObject({
      cause: { code: 'UND_ERR_SOCKET', cause: { code: 'ECONNRESET' } },
    })
  })
})

/** From this libuv on (Node 24), a reset is an error of its own, and Node then drops what nobody has read. */
const reportsResets = Number.parseFloat(process.versions.uv.replace(/^1\./, '')) >= 52

test.for(reportsResets ? [0] : [0, 200])('what came before a reset can be read, %i ms later', async patience => {
  const { port } = await serving([answer, 'reset behind it'])
  const socket = await connect({ host: '127.0.0.1', port })
  socket.write(request)
  if (patience > 0) {
    // Node reads until its buffer is full.
    socket.read(0)
    await sleep(patience)
  }
  const read: string[] = []
  const failed = once(
    socket.on('data', data => read.push(String(data))),
    'close',
  ).catch(error => error)
  expect(await failed).toMatchObject({ code: 'ECONNRESET' })
  expect(read.join('')).toBe(answer)
})

test('a reset behind an orderly end is none of what came before', async () => {
  const { port } = await serving([answer])
  const socket = await connect({ host: '127.0.0.1', port })
  socket.write(request)
  await sleep(200)
  // Nobody is there to receive this any more.
  socket.write('more')
  await sleep(50)
  expect(await textOf(socket)).toBe(answer)
})

/** As servers do that close without reading the client's end: the kernel sends a reset in place of the connection's end. */
function endsWithReset(raw: Socket): void {
  const stream = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      raw.write(chunk)
      done()
    },
    final(done) {
      raw.uncork()
      raw.resetAndDestroy()
      done()
    },
  })
  raw.on('data', data => stream.push(data)).on('error', () => {})
  const secure = new TLSSocket(stream, { isServer: true, ...certificateOf('server') })
  secure
    .on('error', () => {})
    .once('data', () => {
      raw.cork()
      secure.end(answer)
    })
}

test('over TLS, a reset that answers the own end is none of what came before', async () => {
  const server = createServer({ allowHalfOpen: true }, endsWithReset).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = await connectTls({ host: '127.0.0.1', port, ca, servername: 'localhost' })
  socket.end(request)
  expect(await textOf(socket)).toBe(answer)
})
