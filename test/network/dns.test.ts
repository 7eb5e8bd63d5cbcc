import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rememberEdns } from '../../src/protocols/dns/edns-memory.js'
import { createLookup } from '../../src/protocols/dns/lookup.js'
import { resolve } from '../../src/protocols/dns/resolve.js'
import { parseDnsServer } from '../../src/protocols/dns/server-address.js'
import { ping } from '../../src/protocols/icmp/ping.js'
import { connect } from '../../src/protocols/tcp/connect.js'
import { parseIP } from '../../src/sockets/ip.js'
import { lab, needs } from '../lab/index.js'
import { openSockets } from '../unit/open-sockets.js'
import { sentDuring } from './moved.js'

/** More records than fit into a datagram. */
const long = Array.from({ length: 20 }, (_, i) => `txt-record=long.test,"${String(i).padStart(200, 'x')}"`)

describe('over a device', () => {
  needs('dnsmasq')

  let dns: Awaited<ReturnType<typeof lab.dnsmasq>>
  beforeAll(async () => {
    dns = await lab.dnsmasq([
      `host-record=${lab.server.name},${lab.server.address4},${lab.server.address6}`,
      'cname=alias.test,server.test',
      'mx-host=server.test,mail.test,10',
      ...long,
    ])
  })
  afterAll(() => dns?.stop())

  const { address4, address6 } = lab.server
  test.each([
    ['wan1', address4],
    ['wan2', address4],
    ['wan1', address6],
    ['wan2', address6],
  ])('every packet uses %s, to a server at %s', async (device, server) => {
    // Without this, a busy server that answers after 40 ms would also be asked without EDNS.
    rememberEdns(parseDnsServer(server)!, { device }, true)
    const sent = await sentDuring(async () => {
      const found = await resolve('server.test', { device, servers: [server] })
      expect(found.map(({ address }) => address)).toEqual([address6, address4])
    })
    expect(sent).toEqual({ wan1: 0, wan2: 0, [device]: 2 })
  })

  test('also over TCP, after a truncated answer', async () => {
    const sent = await sentDuring(async () => {
      expect(await resolve('long.test', { type: 'TXT', device: 'wan2', servers: [address4] })).toHaveLength(20)
    })
    expect(sent.wan1).toBe(0)
    expect(sent.wan2).toBeGreaterThan(5)
  })

  test("with wan2's address alone they use wan1", async () => {
    const localAddress = lab.wan2.address4
    const sent = await sentDuring(() => resolve('server.test', { family: 4, localAddress, servers: [address4] }))
    expect(sent).toEqual({ wan1: 1, wan2: 0 })
  })

  test('the name servers in /etc/resolv.conf are asked through the device too', async () => {
    const sent = await sentDuring(async () => {
      expect(await resolve('alias.test', { device: 'wan2', family: 4 })).toMatchObject([{ address: address4 }])
      await expect(resolve('missing.test', { device: 'wan2' })).rejects.toMatchObject({
        code: 'ENOTFOUND',
        device: 'wan2',
      })
      expect((await resolve('server.test', { device: 'wan2', type: 'MX' }))[0]!.data.exchange).toBe('mail.test')
      await expect(resolve('server.test', { device: 'wan2', type: 'SRV' })).rejects.toMatchObject({ code: 'ENODATA' })
    })
    expect(sent.wan1).toBe(0)
  })

  test('a lookup for other libraries asks through the device', async () => {
    const lookup = createLookup({ device: 'wan2' })
    const sent = await sentDuring(async () => {
      const address = await new Promise((done, fail) =>
        lookup('server.test', 4, (error, address) => (error ? fail(error) : done(address))),
      )
      expect(address).toBe(address4)
    })
    expect(sent).toEqual({ wan1: 0, wan2: 1 })
  })

  test('a device without an IPv6 address of the Internet returns IPv4 addresses first', async () => {
    const { device, address6: own } = lab.addDevice('local0')
    const order = async () =>
      (await resolve('server.test', { device, servers: [address4] })).map(({ address }) => address)
    expect(await order(), 'with a unique local address').toEqual([address4, address6])
    const socket = await connect({ host: 'server.test', port: 53, device, servers: [address4] })
    expect(socket.remoteAddress, 'for a connection').toBe(address4)
    socket.destroy()
    lab.run('router', 'ip', 'address', 'delete', `${own}/64`, 'dev', device)
    lab.run('router', 'ip', '-6', 'route', 'replace', 'default', 'dev', device, 'metric', '999')
    expect(await order(), 'with an address of another device').toEqual([address4, address6])
    lab.run('router', 'ip', 'address', 'add', '2001:db8:77::1/64', 'dev', device, 'nodad')
    expect(await order(), 'with a global address').toEqual([address6, address4])
  })

  test('a device without IPv6 returns IPv4 addresses first', async () => {
    const four = lab.addDevice('four0')
    lab.run('router', 'sysctl', '-q', '-w', 'net.ipv6.conf.four0.disable_ipv6=1')
    try {
      const found = await resolve('server.test', { device: 'four0', servers: [address4] })
      expect(found.map(({ address }) => address)).toEqual([address4, address6])
    } finally {
      four.remove()
    }
  })
})

test('a name server with a link-local address is found by its zone or the device', async () => {
  const text = lab.run('isp2', 'ip', '-6', '-oneline', 'address', 'show', 'dev', 'customer', 'scope', 'link')
  const address = /inet6 (fe80::[^/]+)/.exec(text)![1]!
  // Answers every question with "no such record".
  const program = `
    const socket = require('node:dgram').createSocket('udp6')
    socket.on('message', (message, from) => {
      message.writeUInt16BE(0x8180, 2)
      socket.send(message, from.port, from.address)
    })
    socket.bind(5300, () => console.log('ready'))`
  await once(lab.spawn('isp2', process.execPath, '-e', program).stdout!, 'data')
  for (const options of [
    { servers: [`[${address}%wan2]:5300`] },
    { servers: [`[${address}]:5300`], device: 'wan2' },
    { servers: [`[${address}%wan2]:5300`], device: 'wan2' },
  ]) {
    await expect(resolve('server.test', { type: 'A', timeout: 2000, ...options })).rejects.toMatchObject({
      code: 'ENODATA',
    })
  }
})

test('a ping of a name waits for its IPv4 address if the device has no IPv6', async () => {
  const { name, address4, address6 } = lab.server
  const program = `
    const socket = require('node:dgram').createSocket('udp4')
    const data = { 1: '${Buffer.from(address4.split('.').map(Number)).toString('hex')}', 28: '${Buffer.from(parseIP(address6)).toString('hex')}' }
    socket.on('message', (message, from) => {
      const type = message[${12 + name.length + 3}]
      const question = message.subarray(0, ${12 + name.length + 2 + 4})
      const record = Buffer.from('c00c00' + type.toString(16).padStart(2, '0') + '00010000003c00' + (type === 1 ? '04' : '10') + data[type], 'hex')
      const answer = Buffer.concat([question, record])
      answer.writeUInt16BE(0x8180, 2)
      answer.writeBigUInt64BE(0x0001000100000000n, 4)
      setTimeout(() => socket.send(answer, from.port, from.address), type === 1 ? 300 : 0)
    })
    socket.bind(53, '${address4}', () => console.log('ready'))`
  await once(lab.spawn('internet', process.execPath, '-e', program).stdout!, 'data')
  const four = lab.addDevice('four0')
  lab.run('router', 'sysctl', '-q', '-w', 'net.ipv6.conf.four0.disable_ipv6=1')
  try {
    expect(await ping(name, { device: 'four0', timeout: 10_000 })).toMatchObject({
      outcome: 'reply',
      address: address4,
    })
  } finally {
    four.remove()
  }
})

test("a name server in another device's zone is not asked, and the error says what to write", async () => {
  const sent = await sentDuring(async () => {
    const asked = resolve('server.test', { device: 'wan2', servers: ['fe80::1%wan1'], timeout: 1000 })
    await expect(asked).rejects.toMatchObject({
      code: 'ENETUNREACH',
      hint: 'write fe80::1%wan2, or name the device wan1',
    })
  })
  expect(sent).toEqual({ wan1: 0, wan2: 0 })
})

describe('failing closed', () => {
  needs('dnsmasq')

  test('through a device without a working path there is no answer, and nobody else is asked', async () => {
    const dns = await lab.dnsmasq()
    const dead = lab.addDevice('dead0', 'slow')
    try {
      const sent = await sentDuring(() =>
        expect(resolve('server.test', { device: 'dead0', timeout: 400 })).rejects.toMatchObject({ device: 'dead0' }),
      )
      expect(sent).toEqual({ wan1: 0, wan2: 0 })
    } finally {
      dead.remove()
      await dns.stop()
    }
  })

  test.each(['udp', 'tcp'])('a device deleted while waiting for an answer over %s', async transport => {
    // The server drops questions without an error.
    const repair = lab.fault('internet', transport === 'udp' ? 'udp dport 53 drop' : 'tcp dport 53 drop')
    const dns = await lab.dnsmasq(long)
    const before = await openSockets()
    const gone = lab.addDevice('gone0')
    try {
      const pending = resolve('long.test', { type: 'TXT', device: 'gone0', servers: [lab.server.address4] })
      pending.catch(() => {})
      await new Promise(done => setTimeout(done, 150))
      gone.remove()
      const start = performance.now()
      await expect(pending).rejects.toMatchObject({ code: 'ENODEV', device: 'gone0' })
      expect(performance.now() - start).toBeLessThan(1000)
      expect(await openSockets()).toBe(before)
    } finally {
      gone.remove()
      repair()
      await dns.stop()
    }
  })
})
