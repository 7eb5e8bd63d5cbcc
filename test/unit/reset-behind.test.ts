import { once } from 'node:events'
import { get as getPlainly, type IncomingMessage } from 'node:http'
import { get as getSecurely } from 'node:https'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { connect, connectTls, HttpAgent, HttpsAgent } from '../../src/index.js'
import { fetch } from '../../src/undici.js'
import { ca, serving } from './http-servers.js'

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

test('what came before a reset can be read', async () => {
  const { port } = await serving([answer, 'reset behind it'])
  const socket = await connect({ host: '127.0.0.1', port })
  socket.write(request)
  // Node reads until its buffer is full.
  socket.read(0)
  await sleep(200)
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
