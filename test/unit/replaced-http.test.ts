import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { checkHttp, listenProxy } from '../../src/index.js'

const own = http.createServer((_request, response) => response.end('own'))
const seen: string[] = []
const elsewhere = http.createServer((request, response) => {
  seen.push(request.url!)
  response.end('elsewhere')
})
const urlOf = (server: http.Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
const { ClientRequest, request } = http

beforeAll(async () => {
  for (const server of [own, elsewhere]) await once(server.listen(0, '127.0.0.1'), 'listening')
})
afterEach(() => void Object.assign(http, { ClientRequest, request }))
afterAll(() => {
  for (const server of [own, elsewhere]) server.close()
})

/** As global-agent does: every request gets this agent, whatever connection it has. */
const agent = () => Object.assign(new http.Agent(), { createConnection: () => connectElsewhere() })
const connectElsewhere = () => new http.Agent().createConnection({ port: (elsewhere.address() as AddressInfo).port })

test('a check keeps its connection, although a package has replaced http.request', async () => {
  http.request = ((options: http.RequestOptions) => request({ ...options, agent: agent() })) as typeof request
  const result = await checkHttp(urlOf(own), { device: 'lo', method: 'POST', body: 'x', expectBody: /^own$/ })
  expect(result.error).toBe(undefined)
  expect(seen).toEqual([])
})

test('so does a request of the proxy', async () => {
  await using proxy = await listenProxy({ port: 0, device: 'lo', allowTargets: ['127.0.0.0/8'] })
  const replaced = ((options: http.RequestOptions) => request({ ...options, agent: agent() })) as typeof request
  const asking = request({ port: proxy.address()!.port, path: urlOf(own), headers: { host: 'own' } }).end()
  http.request = replaced
  const [response] = (await once(asking, 'response')) as [http.IncomingMessage]
  expect(String(await response.toArray())).toBe('own')
  expect(seen).toEqual([])
})

test('a check sends nothing over another connection', async () => {
  class Replaced extends ClientRequest {
    constructor(options: http.ClientRequestArgs) {
      super({ ...options, createConnection: connectElsewhere as never })
    }
  }
  Object.assign(http, { ClientRequest: Replaced })
  const check = checkHttp(urlOf(own), { device: 'lo', method: 'POST', body: 'x' })
  await expect(check).rejects.toMatchObject({ name: 'NetviaError', code: 'ERR_DEVICE_NOT_BOUND' })
  expect(seen).toEqual([])
})
