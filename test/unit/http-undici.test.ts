import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type DispatcherOptions, openDispatcher } from '../../src/protocols/http/dispatcher.js'
import { createDispatcher, fetch } from '../../src/undici.js'
import { ca, closedPort, httpServer, httpsServer, stalledPort } from './http-servers.js'
import { openSockets } from './open-sockets.js'
import { expectPromptAbort } from './prompt-abort.js'

const device = 'lo'

function dispatcher(options: DispatcherOptions = {}) {
  const made = createDispatcher({ device, ...options })
  onTestFinished(() => made.destroy())
  return made
}

/** A server that counts the connections of its requests. */
async function countingServer() {
  const connections = new Set<unknown>()
  const port = await httpServer((request, response) => {
    connections.add(request.socket)
    response.end(`hello ${request.url}`)
  })
  return { url: `http://127.0.0.1:${port}/`, connections }
}

describe('createDispatcher', () => {
  test('requests, with the connection kept', async () => {
    const { url, connections } = await countingServer()
    const made = dispatcher({ connections: 1 })
    for (let i = 0; i < 3; i++) {
      const { statusCode, body } = await request(url, { dispatcher: made })
      expect([statusCode, await body.text()]).toEqual([200, 'hello /'])
    }
    expect(connections.size).toBe(1)
  })

  test('by name, HTTPS with the name checked', async () => {
    const port = await httpsServer((_request, response) => response.end('secure'))
    const { body } = await request(`https://localhost:${port}/`, { dispatcher: dispatcher({ connect: { ca } }) })
    expect(await body.text()).toBe('secure')
    await expect(request(`https://localhost:${port}/`, { dispatcher: dispatcher() })).rejects.toMatchObject({
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    })
    const wrong = await httpsServer((_request, response) => response.end(), 'wrong-name')
    await expect(
      request(`https://localhost:${wrong}/`, { dispatcher: dispatcher({ connect: { ca } }) }),
    ).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  })

  test('HTTP/2 if it is allowed', async () => {
    const folder = new URL('../lab/certificates/', import.meta.url)
    const [key, cert] = ['server.key', 'server.pem'].map(name => readFileSync(new URL(name, folder)))
    const server = createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
      response.end(request.httpVersion)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
    for (const [allowH2, version] of [
      [true, '2.0'],
      [false, '1.1'],
    ] as const) {
      const { body } = await request(url, { dispatcher: dispatcher({ allowH2, connect: { ca } }) })
      expect(await body.text()).toBe(version)
    }
  })

  test('fails closed: no such device, nothing listens, nothing answers', async () => {
    const { url, connections } = await countingServer()
    await expect(request(url, { dispatcher: dispatcher({ device: 'nosuch0' }) })).rejects.toMatchObject({
      code: 'ENODEV',
    })
    expect(connections.size).toBe(0)
    const refused = `http://127.0.0.1:${closedPort}/`
    await expect(request(refused, { dispatcher: dispatcher() })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    const stalled = `http://127.0.0.1:${await stalledPort()}/`
    await expect(request(stalled, { dispatcher: dispatcher({ connectTimeout: 50 }) })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
    })
  })

  test.each([
    { devise: 'lo' },
    { device: 'a/b' },
    { mark: -1 },
    { connect: () => {} },
    { connect: { socketPath: '/x' } },
    { connect: { host: 'x' } },
    { socketPath: '/x' },
    { factory: () => {} },
  ])('options are checked: %o', options => {
    expect(() => createDispatcher(options as DispatcherOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', name: 'NetviaError' }),
    )
  })

  test('a connectTimeout of 0 is no limit, as in undici', async () => {
    const connector = async ({ timeout }: { timeout?: number }) => {
      throw new Error(`within ${timeout}`)
    }
    const made = openDispatcher('test', { connectTimeout: 0 }, { connector })
    await expect(request('http://127.0.0.1/', { dispatcher: made })).rejects.toThrow('within undefined')
    await made.destroy()
  })

  test('destroyed during the connection: nothing stays open', async () => {
    const url = `http://127.0.0.1:${await stalledPort()}/`
    const before = await openSockets()
    const made = createDispatcher({ device, connectTimeout: 100 })
    const answer = request(url, { dispatcher: made }).catch(error => error)
    await sleep(20)
    await made.destroy()
    expect(await answer).toMatchObject({ code: 'UND_ERR_DESTROYED' })
    await sleep(120)
    expect(await openSockets()).toBe(before)
  })
})

describe('fetch', () => {
  test('over a device, redirects too, connections shared by path', async () => {
    const connections = new Set<unknown>()
    const port = await httpServer((request, response) => {
      connections.add(request.socket)
      if (request.url === '/') response.writeHead(302, { location: '/there' }).end()
      else response.end(`${request.method} ${request.url}`)
    })
    for (let i = 0; i < 5; i++) {
      const response = await fetch(`http://127.0.0.1:${port}/`, { device })
      expect(await response.text()).toBe('GET /there')
    }
    // undici opens a second connection if a request starts before the previous connection is free.
    const kept = connections.size
    expect(kept).toBeLessThanOrEqual(2)
    await (await fetch(`http://127.0.0.1:${port}/`, { localAddress: '127.0.0.1' })).text()
    expect(connections.size).toBeGreaterThan(kept)
  })

  test('method, headers and body are passed on', async () => {
    const port = await httpServer(async (request, response) => {
      const chunks = await request.toArray()
      response.end(`${request.method} ${request.headers['x-mine']} ${Buffer.concat(chunks)}`)
    })
    const init = { device, method: 'POST', headers: { 'x-mine': '1' }, body: 'all of it' }
    expect(await (await fetch(`http://127.0.0.1:${port}/`, init)).text()).toBe('POST 1 all of it')
  })

  test('the error is the cause', async () => {
    const url = `http://127.0.0.1:${closedPort}/`
    await expect(fetch(url, { device })).rejects.toMatchObject({ name: 'TypeError', cause: { code: 'ECONNREFUSED' } })
    await expect(fetch(url, { device: 'nosuch0' })).rejects.toMatchObject({ cause: { code: 'ENODEV' } })
    const unknown = { device, dispatcher: dispatcher() }
    await expect(fetch(url, unknown)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  })

  test('with many paths, the connections of the most recently used ones are kept', async () => {
    const open = new Set<unknown>()
    const port = await httpServer((request, response) => {
      open.add(request.socket)
      request.socket.once('close', () => open.delete(request.socket))
      response.end('hello')
    })
    for (let tos = 0; tos < 80; tos++) await (await fetch(`http://127.0.0.1:${port}/`, { device, tos })).text()
    await expect.poll(() => open.size).toBeLessThanOrEqual(64)
    expect(open.size).toBeGreaterThan(0)
  })

  test('many connections at the same time on a path give no warning of a leak', async () => {
    const warnings: Error[] = []
    const note = (warning: Error) => warnings.push(warning)
    process.on('warning', note)
    onTestFinished(() => void process.off('warning', note))
    const url = `http://127.0.0.1:${await stalledPort()}/`
    const controllers = Array.from({ length: 20 }, () => new AbortController())
    const fetches = controllers.map(({ signal }) => fetch(url, { device, signal }))
    await sleep(100)
    for (const controller of controllers) controller.abort()
    await Promise.allSettled(fetches)
    expect(warnings).toEqual([])
  })

  test('aborted during the connection: rejects immediately with the reason, and nothing stays open', async () => {
    const url = `http://127.0.0.1:${await stalledPort()}/`
    await expectPromptAbort(signal => fetch(url, { device, signal }))
    const { url: next } = await countingServer()
    expect(await (await fetch(next, { device })).text()).toBe('hello /')
  })
})
