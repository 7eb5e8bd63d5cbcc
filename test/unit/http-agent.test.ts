import http from 'node:http'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { HttpAgent, HttpsAgent } from '../../src/protocols/http/agent.js'
import type { HttpAgentOptions, HttpsAgentOptions } from '../../src/protocols/http/agent-options.js'
import { descriptorOf } from '../../src/sockets/hand-over.js'
import { boundDevice } from '../../src/sockets/open.js'
import { atOnce } from './at-once.js'
import { ca, closedPort, httpServer, httpsServer, stalledPort, tcpServer } from './http-servers.js'
import { openSockets } from './open-sockets.js'

function httpAgent(options: HttpAgentOptions = {}): HttpAgent {
  const agent = new HttpAgent({ device: 'lo', ...options })
  onTestFinished(() => agent.destroy())
  return agent
}

function httpsAgent(options: HttpsAgentOptions = {}): HttpsAgent {
  const agent = new HttpsAgent({ device: 'lo', ca, ...options })
  onTestFinished(() => agent.destroy())
  return agent
}

interface Answer {
  status: number
  body: string
  request: http.ClientRequest
  device: string
}

function get(url: string, options: https.RequestOptions): Promise<Answer> {
  const { request: send } = url.startsWith('https:') ? https : http
  return new Promise((resolve, reject) => {
    const request = send(url, options, async response => {
      const device = boundDevice(descriptorOf(response.socket))
      text(response).then(body => resolve({ status: response.statusCode!, body, request, device }), reject)
    })
    request.on('error', reject)
    request.end()
  })
}

describe('HttpAgent', () => {
  test('requests use the device, and the connection is kept', async () => {
    const port = await httpServer((_request, response) => response.end('hello'))
    const agent = httpAgent()
    const url = `http://127.0.0.1:${port}/`
    const first = await get(url, { agent })
    await sleep(5)
    const second = await get(url, { agent })
    expect(first).toMatchObject({ status: 200, body: 'hello', device: 'lo' })
    expect(first.request.reusedSocket).toBe(false)
    expect(second).toMatchObject({ body: 'hello', device: 'lo' })
    expect(second.request.reusedSocket).toBe(true)
  })

  test('by name', async () => {
    const port = await httpServer((request, response) => response.end(request.headers.host))
    expect(await get(`http://localhost:${port}/`, { agent: httpAgent() })).toMatchObject({ body: `localhost:${port}` })
  })

  test('is an http.Agent, with the defaults of the global one', () => {
    const agent = httpAgent()
    expect(agent).toBeInstanceOf(http.Agent)
    expect(agent).toMatchObject({ keepAlive: true, scheduling: 'lifo', maxSockets: Infinity })
    expect(httpAgent({ keepAlive: undefined })).toMatchObject({ keepAlive: true })
    expect(httpAgent({ keepAlive: false, maxSockets: 3 })).toMatchObject({ keepAlive: false, maxSockets: 3 })
    expect(httpsAgent()).toBeInstanceOf(https.Agent)
  })

  test('pools of different paths never mix', () => {
    const target = { host: 'a.test', port: 80 }
    const names = [{}, { device: 'x0' }, { mark: 1 }, { tos: 8 }, { localAddress: '127.0.0.1' }].map(path =>
      new HttpAgent(path).getName(target),
    )
    expect(new Set(names).size).toBe(5)
  })

  test('an idle connection lets the process end; a pending request does not', async () => {
    const port = await httpServer((_request, response) => response.end())
    const agent = httpAgent()
    const { request } = await get(`http://127.0.0.1:${port}/`, { agent })
    await sleep(5)
    expect(Object.values(agent.freeSockets).flat()).toEqual([request.socket])
    const handle = (request.socket as unknown as { _handle: { hasRef(): boolean } })._handle
    expect(handle.hasRef()).toBe(false)
  })

  test('maxSockets includes pending connections', async () => {
    let most = 0
    let open = 0
    const port = await httpServer((_request, response) => {
      most = Math.max(most, ++open)
      setTimeout(() => {
        open--
        response.end('x')
      }, 10)
    })
    const connections = new Set<unknown>()
    const agent = httpAgent({ maxSockets: 2 })
    const requests = Array.from({ length: 10 }, () => get(`http://127.0.0.1:${port}/`, { agent }))
    for (const { request } of await Promise.all(requests)) connections.add(request.socket)
    expect(most).toBe(2)
    expect(connections.size).toBe(2)
  })

  test('maxTotalSockets, over several servers', async () => {
    const ports = await Promise.all([1, 2, 3].map(() => httpServer((_request, response) => response.end('x'))))
    const agent = httpAgent({ maxTotalSockets: 1, keepAlive: false })
    const answers = await Promise.all(ports.map(port => get(`http://127.0.0.1:${port}/`, { agent })))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    await sleep(5)
    expect((agent as unknown as { totalSocketCount: number }).totalSocketCount).toBe(0)
  })

  test('a refused connection fails its request and each queued one', async () => {
    const agent = httpAgent({ maxSockets: 1 })
    const url = `http://127.0.0.1:${closedPort}/`
    const errors = await Promise.all(Array.from({ length: 4 }, () => get(url, { agent }).catch(error => error)))
    for (const error of errors) expect(error).toMatchObject({ code: 'ECONNREFUSED', name: 'NetviaError' })
    expect(Object.keys(agent.sockets)).toEqual([])
    expect(Object.keys(agent.requests)).toEqual([])
  })

  test('no such device: fails closed', async () => {
    const port = await httpServer((_request, response) => response.end())
    const agent = httpAgent({ device: 'nosuch0' })
    await expect(get(`http://127.0.0.1:${port}/`, { agent })).rejects.toMatchObject({ code: 'ENODEV' })
  })

  test.each([
    ['socketPath', '/tmp/nosuch'],
    ['lookup', () => {}],
    ['localPort', 5],
  ])('a request that would bypass the path with %s fails', async (name, value) => {
    const request = get('http://127.0.0.1:1/', { agent: httpAgent(), [name]: value })
    await expect(request).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining(name),
    })
  })

  test.each<[object, string]>([
    [{ devise: 'lo' }, 'devise'],
    [{ device: 'a/b' }, 'device'],
    [{ localAddress: 'here' }, 'localAddress'],
    [{ mark: -1 }, 'mark'],
    [{ tos: 256 }, 'tos'],
    [{ ca: 'x' }, 'ca'],
  ])('options are checked: %o', (options, name) => {
    expect(() => new HttpAgent(options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
    expect(() => new HttpAgent(options)).toThrow(name)
  })

  test("a request's timeout includes its connection", async () => {
    const port = await stalledPort()
    const request = http.get(`http://127.0.0.1:${port}/`, { agent: httpAgent(), timeout: 100 })
    const events: string[] = []
    request.on('timeout', () => {
      events.push('timeout')
      request.destroy(new Error('too slow'))
    })
    await new Promise<void>(resolve => {
      request.on('error', error => events.push(error.message))
      request.on('close', resolve)
    })
    expect(events).toEqual(['timeout', 'too slow'])
  })

  test("a connection takes no longer than the agent's timeout", async () => {
    const agent = httpAgent({ timeout: 100 })
    const request = get(`http://127.0.0.1:${await stalledPort()}/`, { agent })
    await expect(request).rejects.toMatchObject({ code: 'ETIMEDOUT' })
  })

  test.each<[string, (request: http.ClientRequest, controller: AbortController, agent: http.Agent) => void, object]>([
    ['destroy', request => request.destroy(), { code: 'ECONNRESET', message: 'socket hang up' }],
    ['abort', (_request, controller) => controller.abort(), { name: 'AbortError' }],
    ['agent.destroy', (_request, _controller, agent) => agent.destroy(), { code: 'ECONNRESET' }],
  ])('%s during the connection leaves nothing open', async (_what, end, expected) => {
    const agent = httpAgent({ maxSockets: 1 })
    const port = await stalledPort()
    const before = await openSockets()
    const controller = new AbortController()
    const request = http.get(`http://127.0.0.1:${port}/`, { agent, signal: controller.signal })
    const error = new Promise(resolve => request.on('error', resolve))
    const closed = new Promise(resolve => request.on('close', resolve))
    await sleep(20)
    expect(await openSockets()).toBeGreaterThan(before)
    const start = performance.now()
    end(request, controller, agent)
    expect(await error).toMatchObject(expected)
    await closed
    expect(performance.now() - start).toBeLessThan(atOnce)
    expect(await openSockets()).toBe(before)
    expect(Object.keys(agent.sockets)).toEqual([])
    expect((agent as unknown as { totalSocketCount: number }).totalSocketCount).toBe(0)
  })

  test('a destroyed request makes room for a queued one', async () => {
    const stalled = await stalledPort()
    const port = await httpServer((_request, response) => response.end('x'))
    const agent = httpAgent({ maxTotalSockets: 1 })
    const first = http.get(`http://127.0.0.1:${stalled}/`, { agent })
    first.on('error', () => {})
    const second = get(`http://127.0.0.1:${port}/`, { agent })
    await sleep(20)
    first.destroy()
    expect(await second).toMatchObject({ status: 200 })
  })

  test('destroy before and after there is a connection', async () => {
    const port = await tcpServer(() => {})
    const agent = httpAgent()
    const early = http.get(`http://127.0.0.1:${port}/`, { agent })
    early.destroy()
    await new Promise(resolve => early.on('error', resolve))
    const late = http.get(`http://127.0.0.1:${port}/`, { agent })
    await new Promise(resolve => late.on('socket', resolve))
    late.destroy()
    await new Promise(resolve => late.on('error', resolve))
    await sleep(5)
    expect(Object.keys(agent.sockets)).toEqual([])
  })
})

describe('HttpsAgent', () => {
  test('TLS with the name checked, the connection kept', async () => {
    const port = await httpsServer((request, response) =>
      response.end((request.socket as TLSSocket).servername || 'none'),
    )
    const agent = httpsAgent()
    const first = await get(`https://localhost:${port}/`, { agent })
    await sleep(5)
    const second = await get(`https://localhost:${port}/`, { agent })
    expect(first).toMatchObject({ body: 'localhost', device: 'lo' })
    expect(second.request.reusedSocket).toBe(true)
  })

  test('sessions are reused', async () => {
    const port = await httpsServer((_request, response) => response.end())
    const agent = httpsAgent({ keepAlive: false })
    const reused: boolean[] = []
    for (let i = 0; i < 2; i++) {
      const { request } = await get(`https://localhost:${port}/`, { agent })
      reused.push((request.socket as TLSSocket).isSessionReused())
      await sleep(20)
    }
    expect(reused).toEqual([false, true])
  })

  test('servername of agent and request, rejectUnauthorized', async () => {
    const port = await httpsServer((request, response) => response.end((request.socket as TLSSocket).servername))
    const url = `https://127.0.0.1:${port}/`
    expect(await get(url, { agent: httpsAgent({ servername: 'server.test' }) })).toMatchObject({ body: 'server.test' })
    expect(await get(url, { agent: httpsAgent(), servername: 'a.server.test' })).toMatchObject({
      body: 'a.server.test',
    })
    expect(await get(url, { agent: httpsAgent({ ca: undefined, rejectUnauthorized: false }) })).toMatchObject({
      status: 200,
    })
  })

  test.each([
    ['expired', 'CERT_HAS_EXPIRED'],
    ['wrong-name', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('%s certificate', async (certificate, code) => {
    const port = await httpsServer((_request, response) => response.end(), certificate)
    await expect(get(`https://127.0.0.1:${port}/`, { agent: httpsAgent() })).rejects.toMatchObject({ code })
  })

  test.each<[string, HttpsAgentOptions]>([
    ['versions', { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' }],
    ['ciphers', { ciphers: 'TLS_AES_128_GCM_SHA256', maxVersion: 'TLSv1.2' }],
  ])('a handshake for which there are no %s fails the request', async (what, options) => {
    const port = await tcpServer(() => {})
    const code = `ERR_SSL_NO_${what === 'versions' ? 'PROTOCOLS' : 'CIPHERS'}_AVAILABLE`
    await expect(get(`https://127.0.0.1:${port}/`, { agent: httpsAgent(options) })).rejects.toMatchObject({ code })
  })

  test('a TLS option that Node refuses fails the request', async () => {
    const port = await httpsServer((_request, response) => response.end())
    const before = await openSockets()
    const request = get(`https://127.0.0.1:${port}/`, { agent: httpsAgent({ cert: 'no pem' }) })
    await expect(request).rejects.toMatchObject({ code: expect.stringContaining('ERR_OSSL') })
    await sleep(5)
    expect(await openSockets()).toBe(before)
  })
})
