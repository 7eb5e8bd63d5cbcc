import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { listenProxy, type ProxyOptions } from '../../src/index.js'

// Who sends `Expect: 100-continue` wants to hear of the target whether it takes the content (RFC 9110 section 10.1.1).

const head = 'POST http://BASE/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n'
const goOn = 'HTTP/1.1 100 Continue\r\n\r\n'
const fine = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'

test('the target decides whether a client sends the content', async () => {
  const { client, accepted } = await begin(head)
  const target = await accepted
  await said(target, /^POST \/ [\s\S]*\r\nExpect: 100-continue\r\n[\s\S]*\r\n\r\n$/)
  target.write(goOn)
  await said(client, /^HTTP\/1\.1 100 Continue\r\n\r\n$/)
  client.write('hello')
  await said(target, /^hello$/)
  target.write(fine)
  await said(client, /^HTTP\/1\.1 200 OK\r\n[\s\S]*hi$/)
})

test('a refusal comes in place of the permission', async () => {
  const { client, accepted } = await begin(head)
  const target = await accepted
  await said(target, /\r\n\r\n$/)
  target.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge')
  await said(client, /^HTTP\/1\.1 413 [\s\S]*large$/)
})

test("so does the proxy's own", async () => {
  const { client } = await begin(head, { users: { alice: 'secret' } })
  await said(client, /^HTTP\/1\.1 407 [\s\S]*\r\n\r\n$/)
})

test.each([
  ['a client that does not wait for it', head, 'hello'],
  ['a client of HTTP/1.0, for which it does not exist', head.replace('1.1', '1.0'), 'hello'],
])('no permission comes to %s', async (_name, begun, content) => {
  const { client, accepted } = await begin(begun)
  client.write(content)
  const target = await accepted
  await said(target, /\r\n\r\nhello$/)
  target.write(fine)
  await said(client, /^HTTP\/1\.1 200 OK\r\n[\s\S]*hi$/)
})

test('the header of a request does not wait for its content', async () => {
  const { accepted } = await begin(head.replace('Expect: 100-continue\r\n', ''))
  await said(await accepted, /^POST \/ [\s\S]*\r\n\r\n$/)
})

test('nor does that of an answer, whose bytes stay as they are', async () => {
  const { client, accepted } = await begin('GET http://BASE/ HTTP/1.1\r\nHost: x\r\n\r\n')
  const target = await accepted
  target.write('HTTP/1.1 200 OK\r\nX-Name: Zoë\r\nTransfer-Encoding: chunked\r\n\r\n')
  await said(client, /^HTTP\/1\.1 200 OK\r\nX-Name: Zoë\r\n[\s\S]*\r\n\r\n$/)
  target.write('2\r\nhi\r\n0\r\n\r\n')
  await said(client, /^2\r\nhi\r\n0\r\n\r\n$/)
})

test.each([
  ['with content to come', head.replace('Expect: 100-continue\r\n', '')],
  ['that asks first', head],
  ['without content', 'GET http://BASE/ HTTP/1.1\r\nHost: x\r\n\r\n'],
])('the header of a request %s keeps its bytes', async (_name, begun) => {
  const { accepted } = await begin(begun.replace('Host: x', 'Host: x\r\nX-Name: Zoë'))
  await said(await accepted, /\r\nX-Name: Zoë\r\n[\s\S]*\r\n\r\n$/)
})

test('who has an answer early may send the rest of its content slowly', async () => {
  const handshakeTimeout = 3000
  const begun = 'POST http://BASE/ HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n'
  const { client, accepted } = await begin(begun, { handshakeTimeout })
  ;(await accepted).write(fine)
  await said(client, /^HTTP\/1\.1 200 OK\r\n[\s\S]*hi$/)
  for (let sent = 0; sent < 12; sent++) {
    await sleep(handshakeTimeout / 6)
    client.write('x')
  }
  client.write('OPTIONS http://x/ HTTP/1.1\r\nHost: x\r\nMax-Forwards: 0\r\n\r\n')
  await said(client, /^HTTP\/1\.1 200 OK\r\n/)
})

/** A client that has sent this to its target through a proxy, and the target's end of the connection. */
async function begin(request: string, options: ProxyOptions = {}) {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const accepted = once(server, 'connection').then(([socket]) => {
    onTestFinished(() => void (socket as Socket).destroy())
    return socket as Socket
  })
  const proxy = await listenProxy({ port: 0, allowTargets: ['127.0.0.0/8'], ...options })
  onTestFinished(() => proxy.close())
  const client = connect(proxy.address().port, '127.0.0.1')
  onTestFinished(() => void client.destroy())
  client.write(request.replace('BASE', `127.0.0.1:${(server.address() as AddressInfo).port}`))
  return { client, accepted }
}

/** Reads until the text of a socket matches. */
async function said(socket: Socket, pattern: RegExp): Promise<void> {
  let text = ''
  await expect
    .poll(() => {
      text += socket.read() ?? ''
      return pattern.test(text) ? 'matches' : text
    })
    .toBe('matches')
}
