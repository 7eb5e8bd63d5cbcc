import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { connect as connectPlain } from 'node:net'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { checkDns } from '../../src/checks/check-dns.js'
import { checkHttp } from '../../src/checks/http/check-http.js'
import type { Module } from '../../src/cli/exporter/config/modules.js'
import { runProbe } from '../../src/cli/exporter/run-probe.js'
import { measureRate } from '../../src/line/rate/measure-rate.js'
import { resolve } from '../../src/protocols/dns/resolve.js'
import { HttpAgent, HttpsAgent } from '../../src/protocols/http/agent.js'
import { StunClient } from '../../src/protocols/stun/client.js'
import { connectTls } from '../../src/protocols/tcp/connect-tls.js'
import { listenProxy } from '../../src/proxy/listen-proxy.js'
import { fetch } from '../../src/undici.js'
import { lab } from '../lab/index.js'
import { openSockets } from '../unit/open-sockets.js'

const program = fileURLToPath(new URL('stalling-server.mjs', import.meta.url))
const certificates = fileURLToPath(new URL('../lab/certificates', import.meta.url))
const device = 'gone0'
const host = lab.server.address4
/** Longer than a test may take, so the timeout is never the reason. */
const timeout = 60_000
const check = { device, timeout, expectBody: 'whole', tls: { rejectUnauthorized: false } }
let server: ChildProcess

beforeAll(async () => {
  server = lab.spawn('internet', process.execPath, program, certificates, host)
  await once(server.stdout!, 'data')
})

const get = (url: string, agent: HttpAgent | HttpsAgent) =>
  new Promise((resolve, reject) => {
    onTestFinished(() => agent.destroy())
    const { get } = url.startsWith('https') ? https : http
    get(url, { agent }, response => response.on('error', reject).on('end', resolve).resume()).on('error', reject)
  })

/** Expects that `work` rejects with ENODEV, and leaves nothing open, if its device is lost while the server doesn't answer. */
async function expectLoss(work: () => Promise<unknown>, lose: () => void): Promise<void> {
  const before = await openSockets()
  const reached = once(server.stdout!, 'data')
  const pending = work()
  const ended = pending.catch(error => error.cause?.cause ?? error.cause ?? error)
  await reached
  lose()
  expect(await ended).toMatchObject({ code: 'ENODEV', device })
  await expect.poll(openSockets).toBe(before)
}

describe('losing a device while the server is silent ends', () => {
  test.each<[what: string, work: () => Promise<unknown>]>([
    ['a check by HTTP', () => checkHttp(`http://${host}:8001/`, check)],
    ['a check by HTTP that reads the body', () => checkHttp(`http://${host}:8002/`, check)],
    ['a check by HTTP that reads a chunked body', () => checkHttp(`http://${host}:8003/`, check)],
    ['a check by HTTP after a redirect', () => checkHttp(`http://${host}:8004/`, check)],
    ['a check by HTTPS in its TLS handshake', () => checkHttp(`https://${host}:8001/`, check)],
    ['a check by HTTPS', () => checkHttp(`https://${host}:8443/`, check)],
    ['a check by HTTPS that reads the body', () => checkHttp(`https://${host}:8444/`, check)],
    ['connectTls', () => connectTls({ host, port: 8001, device })],
    ['a question over TCP', () => resolve('a.test', { device, servers: [`${host}:5353`], timeout })],
    ['a check by DNS over TCP', () => checkDns('a.test', { device, servers: [`${host}:5353`], timeout })],
    ['a request of an agent', () => get(`http://${host}:8001/`, new HttpAgent({ device }))],
    ['a response of an agent', () => get(`http://${host}:8002/`, new HttpAgent({ device }))],
    ['a request by HTTPS', () => get(`https://${host}:8443/`, new HttpsAgent({ device, rejectUnauthorized: false }))],
    ['measureRate', () => measureRate(`${host}:8005`, { device, timeout, token: 'a token of some length' })],
    ['a response by HTTPS', () => get(`https://${host}:8444/`, new HttpsAgent({ device, rejectUnauthorized: false }))],
    ['fetch', () => fetch(`http://${host}:8001/`, { device })],
    ['the body of fetch', async () => (await fetch(`http://${host}:8002/`, { device })).text()],
  ])('%s', async (_what, work) => {
    const gone = lab.addDevice(device)
    await expectLoss(work, gone.remove)
  })
})

const tls = { tls_config: { insecure_skip_verify: true } }

describe('losing a device fails a probe of the exporter, with the reason', () => {
  test.each<[what: string, target: string, module: Module]>([
    ['by HTTP', `${host}:8001`, { prober: 'http' }],
    ['that reads the body', `${host}:8002`, { prober: 'http' }],
    ['by HTTPS', `https://${host}:8443`, { prober: 'http', http: tls }],
    ['that reads the body by HTTPS', `https://${host}:8444`, { prober: 'http', http: tls }],
    [
      'by TCP',
      `${host}:8001`,
      { prober: 'tcp', tcp: { query_response: [{ send: 'x' }, { expect: { pattern: 'y', compiled: /y/ } }] } },
    ],
    ['by DNS', `${host}:5353`, { prober: 'dns', dns: { query_name: 'a.test', transport_protocol: 'tcp' } }],
  ])('%s', async (_what, target, module) => {
    const gone = lab.addDevice(device)
    const about = { moduleName: 'm', hostname: undefined, userAgent: 'test', signal: new AbortController().signal }
    const before = await openSockets()
    const reached = once(server.stdout!, 'data')
    const pending = runProbe({ ...about, target, module, device, timeout })
    await reached
    gone.remove()
    const { success, log } = await pending
    expect(success).toBe(false)
    expect(log.lines().join('\n')).toContain(`device ${device} was deleted or renamed`)
    await expect.poll(openSockets).toBe(before)
  })
})

describe('losing a device resets connections through the proxy', () => {
  test.each([
    ['a tunnel', `CONNECT ${host}:8001 HTTP/1.1\r\nHost: x\r\n\r\nhello`],
    ['a response that has started', `GET http://${host}:8002/ HTTP/1.1\r\nHost: x\r\n\r\n`],
  ])('%s', async (_what, request) => {
    const gone = lab.addDevice(device)
    const proxy = await listenProxy({ port: 0, device })
    onTestFinished(() => proxy.close())
    const reached = once(server.stdout!, 'data')
    const client = connectPlain(proxy.address().port, '127.0.0.1')
    client.write(request)
    await Promise.all([reached, once(client, 'data')])
    gone.remove()
    await expect(once(client, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' })
    await expect.poll(() => proxy.statistics).toMatchObject({ clients: 0, uplinks: { [device]: { open: 0 } } })
  })
})

test('a question of a STUN client whose device is lost fails with ENODEV', async () => {
  const gone = lab.addDevice(device)
  const client = await StunClient.open({ device }, 4)
  gone.remove()
  const isOpen = () => {
    try {
      return client.port > 0
    } catch {
      return false
    }
  }
  await expect.poll(isOpen).toBe(false)
  const { signal } = new AbortController()
  const asked = client.request({ to: { address: host, port: 3478 }, timeout, signal })
  await expect(asked).rejects.toMatchObject({ code: 'ENODEV', device })
})

describe('a check by HTTP ends when its device', () => {
  const ip = (...words: string[]) => lab.run('router', 'ip', 'link', ...words)

  test('is created again', async () => {
    const gone = lab.addDevice(device)
    const again = () => {
      gone.remove()
      lab.addDevice(device)
    }
    await expectLoss(() => checkHttp(`http://${host}:8001/`, check), again)
  })

  test('is renamed', async () => {
    const gone = lab.addDevice(device)
    const rename = () => {
      ip('set', device, 'down')
      ip('set', device, 'name', 'other0')
    }
    await expectLoss(() => checkHttp(`http://${host}:8001/`, check), rename)
    ip('set', 'other0', 'name', device)
    gone.remove()
  })

  test('is moved to another namespace', async () => {
    const gone = lab.addDevice(device)
    const move = () => ip('set', device, 'netns', lab.names.slow)
    const back = () => lab.run('slow', 'ip', 'link', 'set', device, 'netns', lab.names.router)
    await expectLoss(() => checkHttp(`http://${host}:8001/`, check), move)
    back()
    gone.remove()
  })
})
