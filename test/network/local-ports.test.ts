import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { checkDns, checkHttp, checkTcp, connect, listenProxy, openUdp } from '../../src/index.js'
import { lab } from '../lab/index.js'
import { echoServer } from './echo-server.js'

const { address4: host } = lab.server
const device = 'wan1'
const [port, dnsPort] = [7300, 7301]
const range = '/proc/sys/net/ipv4/ip_local_port_range'
const first = 50_000

beforeAll(() => echoServer(port))

/** Restricts the kernel to two local ports, and uses both for UDP and for this server. */
beforeAll(async () => {
  const old = readFileSync(range, 'utf8')
  writeFileSync(range, `${first} ${first + 1}`)
  const udp = [await openUdp({ port: first }), await openUdp({ port: first + 1 })]
  const tcp = [await connect({ host, port, device }), await connect({ host, port, device })]
  return async () => {
    writeFileSync(range, old)
    for (const socket of tcp) socket.resetAndDestroy()
    await Promise.all(udp.map(socket => once(socket.close(), 'close')))
  }
})

test.each<[call: string, work: () => Promise<unknown>]>([
  ['connect', () => connect({ host, port, device })],
  ['checkTcp', () => checkTcp({ host, port, device })],
  ['checkTcp from an address', () => checkTcp({ host, port, device, localAddress: lab.wan1.address4 })],
  ['checkHttp', () => checkHttp(`http://${host}:${port}/`, { device })],
  ['checkDns', () => checkDns('a.test', { device, servers: [`${host}:${dnsPort}`] })],
])('without a free local port, %s rejects with a local error', async (_call, work) => {
  await expect(work()).rejects.toMatchObject({ code: 'EADDRINUSE', device })
})

test('without a free local port, no uplink of a proxy has failed', async () => {
  const proxy = await listenProxy({ port: 0, device })
  onTestFinished(() => proxy.close())
  const client = await connect({ host: '127.0.0.1', port: proxy.address().port })
  client.end(`CONNECT ${host}:${port} HTTP/1.1\r\n\r\n`)
  expect(await text(client)).toMatch(/^HTTP\/1\.1 50/)
  expect(proxy.statistics.uplinks[device]?.failures ?? 0).toBe(0)
})
