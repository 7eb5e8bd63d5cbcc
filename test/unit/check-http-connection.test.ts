import { expect, test } from 'vitest'
import { checkHttp } from '../../src/checks/http/check-http.js'
import { httpServer, silentUdpPort } from './http-servers.js'

test('connectTimeout ends a connection that waits for name resolution, long before timeout', async () => {
  const servers = [`127.0.0.1:${await silentUdpPort()}`]
  const started = Date.now()
  const { ok, error } = await checkHttp('http://www.test/', { servers, connectTimeout: 200, timeout: 60_000 })
  expect({ ok, code: error?.code }).toEqual({ ok: false, code: 'ETIMEDOUT' })
  expect(error!.message).toContain('name resolution not done after 200 ms')
  expect(Date.now() - started).toBeLessThan(30_000)
})

test('addresses replace a name, also in redirects, and do not change the Host header', async () => {
  const hosts: (string | undefined)[] = []
  const port = await httpServer(({ url, headers }, response) => {
    hosts.push(headers.host)
    if (url === '/') response.writeHead(302, { location: `http://two.test:${port}/end` })
    response.end()
  })
  const addresses = { [`one.test:${port}`]: '127.0.0.1', [`two.test:${port}`]: '127.0.0.1' }
  const result = await checkHttp(`http://one.test:${port}/`, { addresses })
  expect(result).toMatchObject({ ok: true, redirects: 1, remoteAddress: '127.0.0.1' })
  expect(hosts).toEqual([`one.test:${port}`, `two.test:${port}`])
})

test.each([307, 303, 302])('a redirect with %i keeps the body only if it keeps the method', async status => {
  const bodies: string[] = []
  const port = await httpServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    bodies.push(`${request.method} ${request.headers['content-type']} ${body}`)
    if (request.url === '/') response.writeHead(status, { location: '/end' })
    response.end()
  })
  const headers = { 'Content-Type': 'text/plain' }
  await checkHttp(`http://127.0.0.1:${port}/`, { method: 'POST', body: new TextEncoder().encode('hello'), headers })
  expect(bodies).toEqual(['POST text/plain hello', status === 307 ? 'POST text/plain hello' : 'GET undefined '])
})

test.each(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST'])('the body of a %s has a length', async method => {
  const bodies: string[] = []
  const port = await httpServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    bodies.push(body)
    response.end()
  })
  expect(await checkHttp(`http://127.0.0.1:${port}/`, { method, body: 'grün' })).toMatchObject({ ok: true })
  expect(bodies).toEqual(['grün'])
})

test('the body has no length if the headers name a coding', async () => {
  const seen: unknown[] = []
  const port = await httpServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    seen.push(body, request.headers['content-length'])
    response.end()
  })
  const headers = { 'Transfer-Encoding': 'chunked' }
  await checkHttp(`http://127.0.0.1:${port}/`, { method: 'GET', body: 'hello', headers })
  expect(seen).toEqual(['hello', undefined])
})
