import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { boundedServer } from '../../src/cli/monitor/web/bounded-server.js'

const get = 'GET / HTTP/1.1\r\nHost: x\r\n'
const chunked = `${get}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`

/** The statuses that a client that never ends its side gets until the server closes. The server ends after `/refused`. */
async function statusesOf(sent: string): Promise<number[]> {
  const server = boundedServer({ maxConnections: 100, maxHeaderSize: 8192 }, async ({ url }, response) => {
    if (url === '/refused') response.writeHead(401, { connection: 'close' })
    response.end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  onTestFinished(() => {
    client.destroy()
    server.close()
  })
  let text = ''
  client
    .on('error', () => {})
    .on('data', data => {
      text += data
    })
  client.write(sent)
  const [connection] = (await once(server, 'connection')) as [Socket]
  await once(connection, 'close')
  return [...text.matchAll(/HTTP\/1.1 (\d+)/g)].map(match => Number(match[1]))
}

test('a client that never ends its side is answered and closed, whatever it sends', async () => {
  const cases: [what: string, sent: string, statuses: number[]][] = [
    ['nothing', '', [408]],
    ['two requests', `${get}\r\n${get}\r\n`, [200, 200, 408]],
    ['empty lines', '\r\n\r\n\r\n\r\n', [408]],
    ['empty lines before a request', `\r\n\r\n${get}\r\n`, [200, 408]],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [408]],
    ['a request behind one that is refused', `${get.replace('/', '/refused')}\r\n${get}\r\n`, [401]],
    ['a request behind one that ends the connection', `${get}Connection: close\r\n\r\n${get}\r\n`, [200]],
    ['an empty line in a body that never ends', `${get}Content-Length: 100\r\n\r\nx\r\n\r\n`, [200]],
    ['a body in chunks, and another request', `${chunked}${get}\r\n`, [200]],
    ['a body, and another request', `${get}Content-Length: 1\r\n\r\nx${get}\r\n`, [200]],
    ['an empty body, and another request', `${get}Content-Length: 0\r\n\r\n${get}\r\n`, [200, 200, 408]],
    ['an expectation that nobody knows, and another request', `${get}Expect: x\r\n\r\n${get}\r\n`, [200, 200, 408]],
  ]
  const seen = await Promise.all(cases.map(async ([what, sent]) => [what, await statusesOf(sent)]))
  expect(seen).toEqual(cases.map(([what, _sent, statuses]) => [what, statuses]))
}, 20_000)
