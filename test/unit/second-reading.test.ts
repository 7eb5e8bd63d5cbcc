import { once } from 'node:events'
import http, { createServer, type Server } from 'node:http'
import { type AddressInfo, connect as connectPlain } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { addon } from '../../src/binding/addon.js'
import { runProbe } from '../../src/cli/exporter/run-probe.js'
import { checkHttp, checkTcp, connect, connectTls, HttpAgent, listen, listenProxy, scanPorts } from '../../src/index.js'
import { optionNumbers } from '../../src/sockets/options.js'
import { openSockets } from './open-sockets.js'

const device = 'lo'
const host = '127.0.0.1'
let server: Server
let port: number
let url: string

beforeAll(async () => {
  server = createServer((_request, response) => response.end('ok')).listen(0, host)
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
  url = `http://${host}:${port}/`
})

afterAll(() => void server.close())

/** Makes the kernel report no device from now on, as for a socket that was unbound after it was opened. */
function unbindLater(): void {
  const { getOption } = addon()
  const [level, name] = optionNumbers('SO_BINDTODEVICE')
  const asked = vi
    .spyOn(addon(), 'getOption')
    .mockImplementation((fd, ...rest) => (rest[0] === level && rest[1] === name ? 0 : getOption(fd, ...rest)))
  onTestFinished(() => asked.mockRestore())
}

const get = () =>
  new Promise((resolve, reject) => {
    const agent = new HttpAgent({ device })
    onTestFinished(() => agent.destroy())
    http.get(url, { agent }, response => response.resume().on('end', resolve)).on('error', reject)
  })

describe('a binding that is lost after the first check is detected before anything is sent', () => {
  test.each<[call: string, work: () => Promise<unknown>]>([
    ['connect', () => connect({ host, port, device })],
    ['connectTls', () => connectTls({ host, port, device })],
    ['checkTcp', () => checkTcp({ host, port, device })],
    ['checkHttp', () => checkHttp(url, { device })],
    ['checkHttp of HTTPS', () => checkHttp(url.replace('http', 'https'), { device })],
    ['an agent', get],
    ['scanPorts', () => scanPorts(host, { ports: [port], device }).open()],
  ])('%s', async (_call, work) => {
    const before = await openSockets()
    let requests = 0
    const count = () => requests++
    server.on('request', count)
    unbindLater()
    await expect(work()).rejects.toMatchObject({ code: 'ERR_DEVICE_NOT_BOUND', device })
    server.off('request', count)
    expect(requests).toBe(0)
    await expect.poll(openSockets).toBe(before)
  })

  test.each(['http', 'tcp'] as const)('a probe of the exporter: %s', async prober => {
    unbindLater()
    const module = { prober, timeout: 5000 }
    const given = { module, moduleName: prober, hostname: undefined, timeout: 5000, userAgent: 'test', device }
    const target = prober === 'http' ? url : `${host}:${port}`
    const { success, log } = await runProbe({ ...given, target, signal: new AbortController().signal } as never)
    expect(success).toBe(false)
    expect(log.lines().join()).toContain('the socket is bound to device')
  })

  test('a connection that listen accepts', async () => {
    const errors: Error[] = []
    const accepting = await listen({ host, port: 0, device }, socket => socket.on('error', error => errors.push(error)))
    onTestFinished(() => void accepting.close())
    // On a slow machine the device watch reads the listening socket's binding before it closes.
    accepting.on('error', () => {})
    unbindLater()
    const client = connectPlain((accepting.address() as AddressInfo).port, host)
    client.resume().on('error', () => {})
    await new Promise(resolve => client.once('close', resolve))
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_DEVICE_NOT_BOUND', device })])
  })

  test('a connection of the proxy', async () => {
    const proxy = await listenProxy({ port: 0, allowTargets: ['127.0.0.0/8'], device })
    onTestFinished(() => proxy.close())
    unbindLater()
    const client = connectPlain(proxy.address().port, host)
    client.end(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: x\r\n\r\n`)
    expect((await client.toArray()).join('')).toMatch(/^HTTP\/1.1 502 /)
  })
})
