import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  checkHttp,
  checkTcp,
  connect,
  openIcmp,
  openUdpPackets,
  pathMtu,
  ping,
  pings,
  scanPorts,
  sweep,
  traceroute,
} from '../../src/index.js'
import { atEnd, lab } from '../lab/index.js'
import { netvia } from '../unit/cli-process.js'

const peer = 'fe80::3'
const own = 'fe80::77'
const webPort = 7014

/** Answers each HTTP request with its Host header. */
const web = `require('node:http').createServer((request, response) => response.end(request.headers.host))
  .listen(${webPort}, '::', () => console.log('ready'))`

beforeAll(async () => {
  const add = (host: 'router' | 'isp1', address: string, device: string) => {
    lab.run(host, 'ip', 'address', 'add', `${address}/64`, 'dev', device, 'nodad')
    atEnd(() => lab.run(host, 'ip', 'address', 'delete', `${address}/64`, 'dev', device))
  }
  add('isp1', peer, 'customer')
  add('router', own, 'wan1')
  await once(lab.spawn('isp1', process.execPath, '-e', web).stdout!, 'data')
})

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

interface Path {
  device?: string
  localAddress?: string
}

const calls: Record<string, (host: string, path: Path) => Promise<unknown>> = {
  'ping, datagram': (host, path) => ping(host, { ...path, kind: 'datagram' }),
  'ping, raw': (host, path) => ping(host, { ...path, kind: 'raw' }),
  pings: (host, path) => drain(pings(host, { ...path, count: 1 })),
  sweep: async (host, path) => drain(sweep(host, path)),
  'sweep of several': async (host, path) => drain(sweep([`${peer}%wan1`, host], path)),
  'traceroute by icmp': (host, path) => drain(traceroute(host, { ...path, method: 'icmp' })),
  'traceroute by udp': (host, path) => drain(traceroute(host, { ...path, method: 'udp' })),
  'traceroute by tcp': (host, path) => drain(traceroute(host, { ...path, method: 'tcp' })),
  pathMtu: (host, path) => pathMtu(host, path),
  connect: (host, path) => connect({ host, port: 9, ...path }),
  checkTcp: (host, path) => checkTcp({ host, port: 9, ...path }),
  checkHttp: (host, path) => checkHttp(`http://[${host.replace('%', '%25')}]:9/`, path),
  scanPorts: (host, path) => drain(scanPorts(host, { ports: [9], ...path })),
  openIcmp: async (host, path) => {
    using socket = openIcmp({ family: 6, ...path })
    const message = { family: 6, kind: 'echo-request', identifier: 1, sequence: 1, payload: new Uint8Array() } as const
    await socket.send(message, host)
  },
}

describe.each(Object.entries(calls))('%s', (_, call) => {
  it('says what to write if the zone is missing, or is not the device', async () => {
    await expect(call(peer, {})).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      hint: expect.stringContaining(`${peer}%`),
    })
    await expect(call(`${peer}%wan2`, { device: 'wan1' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      hint: `write ${peer}%wan1, or name the device wan2`,
    })
    await expect(call(`${peer}%usb9`, {})).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining('no device named usb9'),
    })
    await expect(call(`${peer}%wan1`, { device: 'wan1', localAddress: `${own}%wan2` })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      hint: `write ${own}%wan1, or name the device wan2`,
    })
  })

  it('says that a local address is not on the device', async () => {
    const refused = call(`${peer}%wan1`, { device: 'wan1', localAddress: 'fe80::1' })
    const failure = await refused.then(
      value => (value as { error?: unknown })?.error,
      error => error,
    )
    expect(failure).toMatchObject({ code: 'EADDRNOTAVAIL', hint: expect.stringContaining(`${own}%wan1`) })
  })
})

describe('with the link named once', () => {
  it.each(['datagram', 'raw'] as const)('it is found by zone or device, %s', async kind => {
    for (const [host, path] of [
      [`${peer}%wan1`, {}],
      [peer, { device: 'wan1' }],
      [peer, { device: 'wan1', localAddress: own }],
      [`${peer}%wan1`, { device: 'wan1', localAddress: `${own}%wan1` }],
    ] as [string, Path][])
      expect(await ping(host, { ...path, kind, timeout: 1000 })).toMatchObject({ outcome: 'reply' })
  })

  const links: [zone: string, path: Path][] = [
    ['%25wan1', {}],
    ['%wan1', { device: 'wan1' }],
    ['', { device: 'wan1', localAddress: own }],
  ]

  it.each(links)('HTTP to [fe80::3%s] with %j names no zone to the server (RFC 6874)', async (zone, path) => {
    const options = { ...path, expectBody: `[${peer}]:${webPort}`, timeout: 5000 }
    expect(await checkHttp(`http://[${peer}${zone}]:${webPort}/`, options)).toMatchObject({ ok: true, status: 200 })
  })

  it.each(links)('connect to fe80::3%s with %j', async (zone, path) => {
    const socket = await connect({ host: peer + zone.replace('25', ''), port: webPort, ...path, timeout: 5000 })
    expect(socket.remoteAddress).toContain(peer)
    socket.end('GET / HTTP/1.0\r\nHost: x\r\n\r\n')
    expect(String(await buffer(socket))).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('the command says the same', async () => {
    const wrong = await netvia(['ping', '-c', '1', '-I', 'wan1', `${peer}%wan2`])
    expect(wrong).toMatchObject({ code: 3, stderr: expect.stringContaining(`write ${peer}%wan1`) })
    const missing = await netvia(['ping', '-c', '1', peer])
    expect(missing).toMatchObject({ code: 3, stderr: expect.stringContaining(`write ${peer}%`) })
    const source = await netvia(['ping', '-c', '1', '-I', 'wan1', '--source', 'fe80::1', peer])
    expect(source.stderr).toContain(`${own}%wan1`)
    expect((await netvia(['ping', '-c', '1', '-I', 'wan1', '--source', own, peer])).code).toBe(0)
  })
})

describe('the port of a bridge is another device than the bridge', () => {
  beforeAll(() => {
    const ip = (...words: string[]) => lab.run('router', 'ip', ...words)
    ip('link', 'add', 'bridge6', 'type', 'bridge')
    atEnd(() => ip('link', 'delete', 'bridge6'))
    ip('link', 'add', 'port6', 'type', 'veth', 'peer', 'name', 'far6')
    atEnd(() => ip('link', 'delete', 'port6'))
    ip('link', 'set', 'port6', 'master', 'bridge6')
    for (const device of ['bridge6', 'port6', 'far6']) ip('link', 'set', device, 'up')
    for (const device of ['bridge6', 'port6']) ip('address', 'add', `${own}/64`, 'dev', device, 'nodad')
  })

  it.each(Object.entries(calls))('%s', async (_, call) => {
    const refused = {
      code: 'ERR_INVALID_ARG_VALUE',
      hint: expect.stringMatching(/^write .*%bridge6, or name the device/),
    }
    await expect(call(`${peer}%port6`, { device: 'bridge6' })).rejects.toMatchObject(refused)
    const local = { device: 'bridge6', localAddress: `${own}%port6` }
    await expect(call(`${peer}%bridge6`, local)).rejects.toMatchObject(refused)
  })

  it('reply', async () => {
    using socket = await openUdpPackets({ family: 6, device: 'bridge6' })
    const info = {
      address: peer,
      family: 6,
      port: 9,
      destination: own,
      localAddress: own,
      device: 'port6',
      ttl: 64,
    } as const
    await expect(socket.reply(info, Buffer.from('x'))).rejects.toMatchObject({ code: 'ERR_OFF_PATH' })
  })
})
