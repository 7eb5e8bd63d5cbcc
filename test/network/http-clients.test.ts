import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import axios from 'axios'
import got from 'got'
import { AbstractConnector, Redis, type RedisOptions } from 'ioredis'
import nodeFetch from 'node-fetch'
import { request, fetch as undiciFetch } from 'undici'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { HttpAgent, HttpsAgent } from '../../src/protocols/http/agent.js'
import { connect } from '../../src/protocols/tcp/connect.js'
import { createDispatcher, fetch } from '../../src/undici.js'
import { httpServer, lab, needs } from '../lab/index.js'
import { movedDuring } from './moved.js'

needs('nginx', 'dnsmasq')

const { address4, address6, name } = lab.server
const device = 'wan2'
/** wan2's addresses, as the servers see them. */
const ours = new RegExp(`^(${lab.wan2.address4}|${lab.wan2.address6})$`)

/** A WebSocket server on port 8080 that sends each client its address. */
const program = `
  const { WebSocketServer } = require('ws')
  new WebSocketServer({ port: 8080 }, () => console.log('ready')).on('connection', (socket, { socket: { remoteAddress } }) => {
    socket.on('error', () => {})
    socket.send(remoteAddress.replace('::ffff:', ''))
  })`

const servers: { stop(): Promise<void> }[] = []
let httpAgent: HttpAgent
let httpsAgent: HttpsAgent

beforeAll(async () => {
  servers.push(await lab.nginx(httpServer('location / { return 200 "$remote_addr"; }')), await lab.dnsmasq())
  const child = lab.spawn('internet', process.execPath, '-e', program)
  await once(child.stdout!, 'data')
})

afterAll(async () => {
  for (const server of servers) await server.stop()
})

beforeEach(() => {
  httpAgent = new HttpAgent({ device })
  httpsAgent = new HttpsAgent({ device, ca: lab.ca })
  onTestFinished(() => {
    httpAgent.destroy()
    httpsAgent.destroy()
  })
})

/** Checks that the server saw wan2's address, and that all packets used wan2. */
async function leavesByWan2(ask: () => Promise<string>): Promise<void> {
  let seen = ''
  const moved = await movedDuring(async () => {
    seen = await ask()
  })
  expect(seen).toMatch(ours)
  expect(moved.wan1).toBe(0)
  expect(moved.wan2).toBeGreaterThan(3)
}

const urls = [
  `http://${address4}/`,
  `http://[${address6}]/`,
  `http://${name}/`,
  `https://${name}/`,
  `https://${address4}/`,
]

describe('clients that take an agent', () => {
  test.each(urls)('axios: %s', url =>
    leavesByWan2(async () => (await axios.get(url, { httpAgent, httpsAgent, proxy: false })).data),
  )

  test.each(urls)('got: %s', url =>
    leavesByWan2(() => got(url, { agent: { http: httpAgent, https: httpsAgent } }).text()),
  )

  test.each(urls)('node-fetch: %s', url =>
    leavesByWan2(async () => {
      const agent = ({ protocol }: URL) => (protocol === 'https:' ? httpsAgent : httpAgent)
      return (await nodeFetch(url, { agent })).text()
    }),
  )

  test.each([address4, `[${address6}]`, name])('ws: %s', host =>
    leavesByWan2(async () => {
      const socket = new WebSocket(`ws://${host}:8080/`, { agent: httpAgent })
      const [message] = await once(socket, 'message')
      socket.close()
      await once(socket, 'close')
      return String(message)
    }),
  )

  test('twelve concurrent requests over two connections', () =>
    leavesByWan2(async () => {
      const agent = new HttpAgent({ device, maxSockets: 2 })
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => axios.get(`http://${address4}/`, { httpAgent: agent, proxy: false })),
      )
      expect(new Set(answers.map(({ request }) => request.socket.localPort)).size).toBe(2)
      agent.destroy()
      return answers[0]!.data
    }))
})

describe('undici', () => {
  let dispatcher: ReturnType<typeof createDispatcher>

  beforeEach(() => {
    dispatcher = createDispatcher({ device, connect: { ca: lab.ca } })
    onTestFinished(() => dispatcher.destroy())
  })

  test.each(urls)('request: %s', url => leavesByWan2(async () => (await request(url, { dispatcher })).body.text()))

  test.each(urls)('fetch with the dispatcher: %s', url =>
    leavesByWan2(async () => (await undiciFetch(url, { dispatcher })).text()),
  )

  test.each(urls.slice(0, 3))("netvia's fetch: %s", url =>
    leavesByWan2(async () => (await fetch(url, { device })).text()),
  )
})

describe('clients that take a socket', () => {
  needs('redis-server')

  test('ioredis with a connector, and a real Redis', async () => {
    await lab.redis()
    await leavesByWan2(async () => {
      class Connector extends AbstractConnector {
        override async connect() {
          this.stream = await connect({ host: name, port: 6379, device })
          return this.stream
        }
      }
      const redis = new Redis({
        Connector: Connector as unknown as RedisOptions['Connector'],
      })
      await redis.set('greeting', 'hello')
      expect(await redis.get('greeting')).toBe('hello')
      const [, seen] = / addr=\[?([^\] ]+?)\]?:\d+ /.exec(await redis.client('INFO'))!
      await redis.quit()
      return seen!
    })
  })
})

describe('a device that is deleted and created again', () => {
  const get = (agent: HttpAgent | HttpsAgent, url: string) =>
    new Promise<http.ClientRequest>((resolve, reject) => {
      const send = url.startsWith('https') ? https.get : http.get
      const sent = send(url, { agent, timeout: 5000 }, response => response.resume().on('end', () => resolve(sent)))
      sent.on('error', reject)
      sent.on('timeout', () => sent.destroy(new Error('nothing came')))
    })

  test.each(['http', 'https'])('%s: its connections are not used again', async scheme => {
    const first = lab.addDevice('modem0')
    const url = `${scheme}://${address4}/`
    const path = { device: 'modem0' }
    const agent = scheme === 'http' ? new HttpAgent(path) : new HttpsAgent({ ...path, ca: lab.ca })
    onTestFinished(() => agent.destroy())
    await get(agent, url)
    await new Promise(resolve => setTimeout(resolve, 20))
    expect((await get(agent, url)).reusedSocket).toBe(true)
    await new Promise(resolve => setTimeout(resolve, 20))
    first.remove()
    const second = lab.addDevice('modem0')
    expect(second.device).toBe('modem0')
    const sent = await get(agent, url)
    expect(sent.reusedSocket).toBe(false)
    second.remove()
    await expect(get(agent, url)).rejects.toMatchObject({ code: 'ENODEV' })
  })

  describe.each([
    ['http', undefined],
    ['https', undefined],
    ['https', true],
  ])('undici: its connections are not used again: %s, HTTP/2: %s', (scheme, allowH2) => {
    const url = `${scheme}://${address4}/`

    test.each(['before the next request', 'with two requests under way', 'and then several at once'])(
      '%s',
      async when => {
        const first = lab.addDevice('modem1')
        const dispatcher = createDispatcher({
          device: 'modem1',
          headersTimeout: 5000,
          allowH2,
          connect: { ca: lab.ca },
        })
        onTestFinished(() => dispatcher.destroy())
        const ask = async () => (await request(url, { dispatcher })).body.text()
        const several = when.includes('under way') ? 2 : 1
        await Promise.all(Array.from({ length: several }, ask))
        await sleep(20)
        first.remove()
        const second = lab.addDevice('modem1')
        const asking = Array.from({ length: when.includes('several') ? 3 : 1 }, ask)
        for (const seen of await Promise.all(asking)) expect(seen).toBe(second.address4)
        second.remove()
        await expect(ask()).rejects.toMatchObject({ code: 'ENODEV' })
      },
    )
  })

  test("netvia's fetch: the first request after the device came back", async () => {
    const first = lab.addDevice('modem2')
    const ask = async () => (await fetch(`http://${address4}/`, { device: 'modem2' })).text()
    expect(await ask()).toBe(first.address4)
    await sleep(20)
    first.remove()
    const second = lab.addDevice('modem2')
    expect(await ask()).toBe(second.address4)
    second.remove()
    await expect(ask()).rejects.toMatchObject({ cause: { code: 'ENODEV' } })
    const third = lab.addDevice('modem2')
    expect(await ask()).toBe(third.address4)
    third.remove()
  })
})

describe('a device that gets another address', () => {
  const silent = `require('node:net').createServer(() => console.log('asked')).listen(8081, '::', () => console.log('ready'))`

  test.each([
    [lab.wan2.address4.replace(/\d+$/, '77'), 24, `http://${address4}:8081/`],
    [lab.wan2.address6.replace(/[^:]+$/, '77'), 64, `http://[${address6}]:8081/`],
  ])('requests from %s fail, which would wait for ever', async (localAddress, length, url) => {
    const change = (what: string, ...options: string[]) =>
      lab.run('router', 'ip', 'addr', what, `${localAddress}/${length}`, 'dev', device, ...options)
    const add = () => change('replace', ...(length === 64 ? ['nodad', 'preferred_lft', '0'] : []))
    add()
    onTestFinished(() => {
      add()
      change('del')
    })
    const server = lab.spawn('internet', process.execPath, '-e', silent)
    await once(server.stdout!, 'data')
    const agent = new HttpAgent({ device, localAddress })
    const dispatcher = createDispatcher({ device, localAddress })
    onTestFinished(async () => {
      agent.destroy()
      await dispatcher.destroy()
    })
    const failures: Error[] = []
    const note = (error: Error) => failures.push(error)
    http.get(url, { agent }).on('error', note)
    await once(server.stdout!, 'data')
    request(url, { dispatcher }).catch(note)
    await once(server.stdout!, 'data')
    // DHCP clients do this, and connections survive it.
    change('del')
    add()
    await sleep(3000)
    expect(failures).toEqual([])
    change('del')
    await expect.poll(() => failures.length).toBe(2)
    expect(failures[0]).toMatchObject({ code: 'EADDRNOTAVAIL', device, address: localAddress })
    expect(failures[1]).toMatchObject({ code: 'UND_ERR_SOCKET', cause: { code: 'EADDRNOTAVAIL' } })
  })
})
