import { once } from 'node:events'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Module } from '../../src/cli/exporter/config/modules.js'
import { runProbe } from '../../src/cli/exporter/run-probe.js'
import * as netvia from '../../src/index.js'
import { fetch } from '../../src/undici.js'
import { lab } from '../lab/index.js'

const device = 'gone0'
const host = lab.server.address4
/** An address behind a route that accepts packets but never answers. */
const silent = '198.18.5.7'
const program = fileURLToPath(new URL('stalling-server.mjs', import.meta.url))
const certificates = fileURLToPath(new URL('../lab/certificates', import.meta.url))
const silent6 = 'fd00:5::7'
const limit = { device, timeout: 5000 }
const token = 'a token of some length'

beforeAll(async () => {
  for (const net of ['198.18.5.0/24', 'fd00:5::/64']) lab.run('internet', 'ip', 'route', 'replace', 'blackhole', net)
  const server = lab.spawn('internet', process.execPath, program, certificates, host)
  await once(server.stdout!, 'data')
})

const get = (url: string, agent: http.Agent) =>
  new Promise((resolve, reject) => http.get(url, { agent }, resolve).on('error', reject))

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

function group() {
  const checks = [{ type: 'tcp' as const, host, port: 9 }]
  const monitor = new netvia.UplinkMonitor({ uplinks: [{ name: 'one', device, checks }] })
  const made = new netvia.UplinkGroup(monitor, { policy: 'failover', whenAllDown: 'least-bad' })
  onTestFinished(() => made.close())
  return made
}

const trace = { ...limit, maxHops: 3, queries: 1 }
const over = { ...limit, servers: [silent] }

/** Every call that ends by its timeout. */
const calls: Record<string, () => Promise<unknown>> = {
  connect: () => netvia.connect({ host: silent, port: 80, ...limit }),
  'connect by a name': () => netvia.connect({ host: 'a.test', port: 80, ...over }),
  connectTls: () => netvia.connectTls({ host, port: 8001, ...limit }),
  checkTcp: () => netvia.checkTcp({ host: silent, port: 80, ...limit }),
  checkHttp: () => netvia.checkHttp(`http://${silent}/`, limit),
  'checkHttp with a time for the connection': () =>
    netvia.checkHttp(`http://${silent}/`, { ...limit, connectTimeout: 4500 }),
  'checkHttp that waits for the response': () => netvia.checkHttp(`http://${host}:8001/`, limit),
  'checkHttp that waits for the body': () => netvia.checkHttp(`http://${host}:8002/`, limit),
  checkDns: () => netvia.checkDns('a.test', over),
  checkPing: () => netvia.checkPing(silent, { ...limit, count: 1 }),
  resolve: () => netvia.resolve('a.test', over),
  'resolve over TCP': () => netvia.resolve('a.test', { ...limit, servers: [`${host}:5353`], type: 'TXT' }),
  ping: () => netvia.ping(silent, limit),
  pings: () => all(netvia.pings(silent, { ...limit, count: 1 })),
  sweep: () => all(netvia.sweep([silent], limit)),
  scanPorts: () => all(netvia.scanPorts(silent, { ...limit, ports: '1-3' })),
  sweepPorts: () => all(netvia.sweepPorts([silent], { ...limit, ports: '1-3' })),
  traceroute: async () => (await all(netvia.traceroute(silent, trace))).at(-1)!.probes,
  'traceroute by UDP': async () => (await all(netvia.traceroute(silent, { ...trace, method: 'udp' }))).at(-1)!.probes,
  'traceroute by TCP': async () => (await all(netvia.traceroute(silent, { ...trace, method: 'tcp' }))).at(-1)!.probes,
  pathMtu: () => netvia.pathMtu(silent, limit),
  discoverNat: () => netvia.discoverNat(silent, limit),
  measureRate: () => netvia.measureRate(`${host}:8005`, { ...limit, token }),
  'measureRate that connects': () => netvia.measureRate(silent, { ...limit, token }),
  'a request of an agent': () => get(`http://${silent}/`, new netvia.HttpAgent(limit)),
  fetch: () => fetch(`http://${silent}/`, { device }),
  'group.connect': () => group().connect({ host: silent, port: 80, timeout: 5000 }),
  'group.resolve': () => group().resolve('a.test', { servers: [silent], timeout: 5000 }),
  'group.fetch': () => group().fetch(`http://${silent}/`),
}

const calls6: Record<string, () => Promise<unknown>> = {
  connect: () => netvia.connect({ host: silent6, port: 80, ...limit }),
  checkHttp: () => netvia.checkHttp(`http://[${silent6}]/`, limit),
  resolve: () => netvia.resolve('a.test', { ...limit, servers: [silent6] }),
  ping: () => netvia.ping(silent6, limit),
  scanPorts: () => all(netvia.scanPorts(silent6, { ...limit, ports: '1-3' })),
  'traceroute by UDP': async () => (await all(netvia.traceroute(silent6, { ...trace, method: 'udp' }))).at(-1)!.probes,
  discoverNat: () => netvia.discoverNat(silent6, limit),
}

/** The error that a call throws or returns, or else its outcome. */
async function faultOf(call: () => Promise<unknown>): Promise<unknown> {
  try {
    const result = [await call()].flat()[0] as { error?: unknown; outcome?: string; state?: string; reason?: string }
    return result.error ?? result.outcome ?? result.state ?? result.reason
  } catch (error) {
    return (error as Error).message === 'fetch failed' ? (error as Error).cause : error
  }
}

const established = () =>
  lab.run('router', 'ss', '-Htn', 'state', 'established', 'dst', host).split('\n').filter(Boolean).length

/** `connections`: of those calls, to the server that stalls. Only what is sent before the change has the addresses of before. */
async function whenAll(work: Record<string, () => Promise<unknown>>, change: () => void, connections = 0) {
  const pending = Object.entries(work).map(async ([name, call]) => [name, await faultOf(call)] as const)
  await sleep(1000)
  await expect.poll(established).toBeGreaterThanOrEqual(connections)
  change()
  return Object.fromEntries(await Promise.all(pending))
}

const of = (names: Record<string, unknown>, expected: unknown) =>
  Object.fromEntries(Object.keys(names).map(name => [name, expected]))

/** Another one, to which the way back leads through the device. */
const mute = '198.18.6.7'
const orders = [
  [silent, mute],
  [mute, silent],
]

/** Adds the device with a strict filter, which drops what comes from `silent`, but not from `mute`. */
function addFilteringSome() {
  const added = lab.addDevice(device)
  lab.run('router', 'sysctl', '-qw', `net/ipv4/conf/${device}/rp_filter=1`)
  lab.run('internet', 'ip', 'route', 'replace', 'blackhole', '198.18.6.0/24')
  lab.run('router', 'ip', 'route', 'add', '198.18.6.0/24', 'via', added.gateway4, 'dev', device)
  return added
}

describe('every call that times out', () => {
  test('while its device is down reports that, and does not blame the network', async () => {
    lab.addDevice(device)
    const found = await whenAll(calls, () => lab.run('router', 'ip', 'link', 'set', device, 'down'))
    const hint = expect.stringContaining(`the device is down: ip link set ${device} up`)
    expect(found).toEqual(of(calls, expect.objectContaining({ device, hint })))
  })

  test('while its device is a port of a bridge, which receives in its place, reports that', async () => {
    lab.addDevice(device)
    lab.run('router', 'ip', 'link', 'add', 'bridge0', 'type', 'bridge')
    onTestFinished(() => void lab.run('router', 'ip', 'link', 'delete', 'bridge0'))
    const found = await whenAll(calls, () => lab.run('router', 'ip', 'link', 'set', device, 'master', 'bridge0'))
    const hint = expect.stringContaining(`${device} is a port of bridge0`)
    expect(found).toEqual(of(calls, expect.objectContaining({ code: 'ENETDOWN', device, hint })))
  })

  test('while its device has lost its IPv4 addresses reports that', async () => {
    lab.addDevice(device)
    // The other end answers only for its own addresses, as on real links.
    lab.run('internet', 'sysctl', '-qw', `net/ipv4/conf/${device}/arp_ignore=1`)
    const flush = () => lab.run('router', 'ip', '-4', 'address', 'flush', 'dev', device)
    const found = await whenAll(calls, flush, 5)
    const hint = expect.stringContaining(`${device} has no IPv4 address`)
    const lacking = expect.objectContaining({ code: 'ENETDOWN', device, hint })
    // The kernel reports to a socket with IP_RECVERR that it can't repeat the SYN, if it tries before the end of the time.
    const unrouted = expect.objectContaining({ code: 'ENETUNREACH', device })
    const traced = (found['traceroute by TCP'] as { code: string }).code === 'ENETUNREACH' ? unrouted : lacking
    expect(found).toEqual({ ...of(calls, lacking), 'traceroute by TCP': traced })
  })

  test('while no route leads there through its device, so that the kernel asks on the link, reports that', async () => {
    const { gateway4 } = lab.addDevice(device)
    const route = ['default', 'via', gateway4, 'dev', device]
    lab.run('router', 'ip', 'route', 'delete', ...route)
    // The kernel itself reports a host that it has asked for in vain for three seconds.
    const quick = { device, timeout: 2500 }
    const unrouted: typeof calls = {
      checkTcp: () => netvia.checkTcp({ host: silent, port: 80, ...quick }),
      checkHttp: () => netvia.checkHttp(`http://${silent}/`, quick),
      checkPing: () => netvia.checkPing(silent, { ...quick, count: 1 }),
      checkDns: () => netvia.checkDns('a.test', { ...quick, servers: [silent] }),
      ping: () => netvia.ping(silent, quick),
      scanPorts: () => all(netvia.scanPorts(silent, { ...quick, ports: '1-3' })),
      'traceroute by UDP': async () =>
        (await all(netvia.traceroute(silent, { ...quick, maxHops: 1, queries: 1, method: 'udp' }))).at(-1)!.probes,
    }
    const hint = expect.stringContaining(`ip route add default via GATEWAY dev ${device}`)
    expect(await whenAll(unrouted, () => {})).toEqual(
      of(unrouted, expect.objectContaining({ code: 'ENETDOWN', device, hint })),
    )
    const slow: typeof calls = {
      connect: () => netvia.connect({ host: silent, port: 80, ...limit }),
      ping: () => netvia.ping(silent, { ...limit, kind: 'datagram' }),
      sweep: () => all(netvia.sweep([silent], limit)),
      scanPorts: () => all(netvia.scanPorts(silent, { ...limit, ports: '1-3' })),
      traceroute: async () => (await all(netvia.traceroute(silent, trace))).at(-1)!.probes,
      'traceroute by TCP': async () =>
        (await all(netvia.traceroute(silent, { ...trace, method: 'tcp' }))).at(-1)!.probes,
    }
    expect(await whenAll(slow, () => {})).toEqual(
      of(slow, expect.objectContaining({ code: 'EHOSTUNREACH', device, hint })),
    )
    // A rule may know a route by an address or a mark that the call has.
    for (const selector of [
      ['from', '10.77.0.0/16'],
      ['fwmark', '77'],
    ]) {
      const rule = [...selector, 'lookup', '77']
      lab.run('router', 'ip', 'route', 'add', ...route, 'table', '77')
      lab.run('router', 'ip', 'rule', 'add', ...rule)
      try {
        expect(await faultOf(() => netvia.checkTcp({ host: silent, port: 80, ...quick }))).toMatchObject({
          code: 'ETIMEDOUT',
        })
      } finally {
        lab.run('router', 'ip', 'rule', 'delete', ...rule)
        lab.run('router', 'ip', 'route', 'flush', 'table', '77')
      }
    }
  })

  test('over a route that a rule has for the address of another device, reports silence', async () => {
    const { gateway4 } = lab.addDevice(device)
    const route = ['default', 'via', gateway4, 'dev', device]
    lab.run('router', 'ip', 'route', 'delete', ...route)
    lab.run('router', 'ip', 'route', 'add', ...route, 'table', '77')
    const localAddress = '192.0.2.78'
    lab.run('router', 'ip', 'address', 'add', `${localAddress}/32`, 'dev', 'lo')
    onTestFinished(() => void lab.run('router', 'ip', 'address', 'delete', `${localAddress}/32`, 'dev', 'lo'))
    const rule = ['from', '192.0.2.0/24', 'lookup', '77']
    lab.run('router', 'ip', 'rule', 'add', ...rule)
    onTestFinished(() => void lab.run('router', 'ip', 'rule', 'delete', ...rule))
    const quick = { device, timeout: 1000 }
    await netvia.ping(silent, quick)
    expect(await faultOf(() => netvia.ping(silent, { ...quick, localAddress }))).toBe('timeout')
    lab.run('router', 'ip', 'neighbour', 'flush', 'dev', device, 'nud', 'failed')
    lab.run('router', 'sysctl', '-qw', `net/ipv4/conf/${device}/rp_filter=1`)
    expect(await faultOf(() => netvia.ping(silent, { ...quick, localAddress }))).toBe('timeout')
  })

  test('while its device has lost its IPv4 addresses reports that, for questions over one socket too', async () => {
    lab.addDevice(device)
    const first = faultOf(() => netvia.resolve('a.test', over))
    await sleep(700)
    const second = faultOf(() => netvia.resolve('b.test', over))
    // The first is repeated after 1000 ms. Only the second is repeated after the loss.
    await sleep(650)
    lab.run('router', 'ip', '-4', 'address', 'flush', 'dev', device)
    const lacking = expect.objectContaining({ code: 'ENETDOWN', hint: `${device} has no IPv4 address` })
    expect(await Promise.all([first, second])).toEqual([lacking, lacking])
  })

  test('while its device has lost its IPv6 addresses, the link-local one too, reports that', async () => {
    lab.addDevice(device)
    const found = await whenAll(calls6, () => lab.run('router', 'ip', '-6', 'address', 'flush', 'dev', device))
    const hint = expect.stringContaining(`${device} has no IPv6 address`)
    expect(found).toEqual(of(calls6, expect.objectContaining({ code: 'ENETDOWN', device, hint })))
  })

  test('while a strict reverse path filter drops the answers, reports that', async () => {
    lab.addDevice(device)
    const found = await whenAll(calls, () => lab.run('router', 'sysctl', '-qw', `net/ipv4/conf/${device}/rp_filter=1`))
    const hint = expect.stringContaining(`sysctl -w net/ipv4/conf/${device}/rp_filter=2`)
    expect(found).toEqual(of(calls, expect.objectContaining({ code: 'ENETDOWN', device, hint })))
  })

  test('while a strict reverse path filter drops the answers, reports that in the log of the exporter', async () => {
    lab.addDevice(device)
    lab.run('router', 'sysctl', '-qw', `net/ipv4/conf/${device}/rp_filter=1`)
    const request = { target: `${silent}:80`, module: { prober: 'tcp', tcp: {} } as Module, moduleName: 'tcp', device }
    const { signal } = new AbortController()
    const { log } = await runProbe({ ...request, hostname: undefined, timeout: 3000, signal, userAgent: 'test' })
    expect(log.lines().join('\n')).toContain(`sysctl -w net/ipv4/conf/${device}/rp_filter=2`)
  })

  test('while a strict filter drops the answers of some targets, blames the network for the others', async () => {
    addFilteringSome()
    const ports = { ...limit, ports: '1-2' }
    for (const targets of orders) {
      const swept = await all(netvia.sweep(targets, limit))
      expect(new Map(swept.map(({ host, outcome }) => [host, outcome]))).toEqual(
        new Map([
          [silent, 'send-failed'],
          [mute, 'timeout'],
        ]),
      )
      const scanned = await all(netvia.sweepPorts(targets, ports))
      expect(new Map(scanned.map(({ host, state }) => [host, state]))).toEqual(
        new Map([
          [silent, 'unsent'],
          [mute, 'filtered'],
        ]),
      )
    }
  })

  test('while a strict filter drops the answers of some of several servers or addresses, reports silence', async () => {
    const { gateway4 } = addFilteringSome()
    for (const servers of orders)
      expect(await faultOf(() => netvia.resolve('a.test', { ...limit, servers }))).toMatchObject({ code: 'ETIMEOUT' })
    // The order of a name's addresses changes from answer to answer.
    const records = [silent, mute].map(address => `host-record=several.test,${address}`)
    await lab.dnsmasq(records, { addresses: [gateway4] })
    const asked = { ...limit, servers: [gateway4] }
    const each: Record<string, () => Promise<unknown>> = {
      connect: () => netvia.connect({ host: 'several.test', port: 80, ...asked }),
      checkHttp: () => netvia.checkHttp('http://several.test/', asked),
    }
    const work = Object.fromEntries(
      Object.entries(each).flatMap(([name, call]) => Array.from({ length: 6 }, (_, i) => [`${name} ${i}`, call])),
    )
    const found = await whenAll(work, () => {})
    expect(found).toEqual(of(work, expect.objectContaining({ code: 'ETIMEDOUT' })))
  })

  test('on a device with a strict filter, reports a router that has no route to the name server', async () => {
    lab.addDevice(device)
    lab.run('router', 'sysctl', '-qw', `net/ipv4/conf/${device}/rp_filter=1`)
    lab.run('internet', 'ip', 'route', 'replace', 'throw', '198.18.7.0/24')
    const fault = await faultOf(() => netvia.resolve('a.test', { ...limit, servers: ['198.18.7.7'] }))
    expect(fault).toMatchObject({ code: 'ENETUNREACH', syscall: 'resolve' })
  })

  test('on a device with a strict filter, reports the silence of a group, whose members answer from their own addresses', async () => {
    lab.addDevice(device)
    lab.run('router', 'sysctl', '-qw', `net/ipv4/conf/${device}/rp_filter=1`)
    expect(await faultOf(() => netvia.ping('224.0.0.1', limit))).toBe('timeout')
  })

  test('on a device with a strict filter that regards marks, which a firewall may set, reports silence', async () => {
    const { gateway4 } = lab.addDevice(device)
    for (const key of ['rp_filter', 'src_valid_mark'])
      lab.run('router', 'sysctl', '-qw', `net/ipv4/conf/${device}/${key}=1`)
    lab.run('router', 'ip', 'rule', 'add', 'fwmark', '77', 'lookup', '77')
    onTestFinished(() => void lab.run('router', 'ip', 'rule', 'delete', 'fwmark', '77'))
    lab.run('router', 'ip', 'route', 'add', 'default', 'table', '77', 'via', gateway4, 'dev', device)
    lab.run('router', 'nft', 'add table ip marks; add chain ip marks in { type filter hook prerouting priority -150; }')
    onTestFinished(() => void lab.run('router', 'nft', 'delete table ip marks'))
    lab.run('router', 'nft', `add rule ip marks in iifname ${device} meta mark set 77`)
    expect(await faultOf(() => netvia.ping(host, limit))).toBe('reply')
    expect(await faultOf(() => netvia.ping(silent, limit))).toBe('timeout')
  })

  test('on a device with a strict filter and a way back by a rule for ICMP, reports silence', async () => {
    const { gateway4 } = lab.addDevice(device)
    lab.run('router', 'sysctl', '-qw', `net/ipv4/conf/${device}/rp_filter=1`)
    lab.run('router', 'ip', 'rule', 'add', 'ipproto', 'icmp', 'lookup', '77')
    onTestFinished(() => void lab.run('router', 'ip', 'rule', 'delete', 'ipproto', 'icmp', 'lookup', '77'))
    lab.run('router', 'ip', 'route', 'add', 'default', 'table', '77', 'via', gateway4, 'dev', device)
    expect(await faultOf(() => netvia.ping(host, limit))).toBe('reply')
    expect(await faultOf(() => netvia.ping(silent, limit))).toBe('timeout')
  })

  test('on a device with a strict filter and a way back to one of its addresses, reports silence', async () => {
    const { gateway4 } = lab.addDevice(device)
    const localAddress = '192.0.2.78'
    lab.run('router', 'ip', 'address', 'add', `${localAddress}/32`, 'dev', device)
    lab.run('internet', 'ip', 'route', 'replace', localAddress, 'dev', device)
    lab.run('router', 'sysctl', '-qw', `net/ipv4/conf/${device}/rp_filter=1`)
    lab.run('router', 'ip', 'rule', 'add', 'from', localAddress, 'lookup', '77')
    onTestFinished(() => void lab.run('router', 'ip', 'rule', 'delete', 'from', localAddress))
    lab.run('router', 'ip', 'route', 'add', 'default', 'table', '77', 'via', gateway4, 'dev', device)
    expect(await faultOf(() => netvia.ping(host, { ...limit, localAddress }))).toBe('reply')
    expect(await faultOf(() => netvia.ping(silent, { ...limit, localAddress }))).toBe('timeout')
  })

  test('on a device with a strict filter and many addresses, reports silence if a rule regards the address', async () => {
    lab.addDevice(device)
    const addresses = Array.from({ length: 200 }, (_, i) => `address add 192.0.2.${i + 1}/32 dev ${device}`)
    lab.run('router', 'sh', '-c', `echo '${addresses.join('\n')}' | ip -batch -`)
    lab.run('router', 'sysctl', '-qw', `net/ipv4/conf/${device}/rp_filter=1`)
    expect(await faultOf(() => netvia.ping(silent, limit))).toMatchObject({ code: 'ENETDOWN' })
    lab.run('router', 'ip', 'rule', 'add', 'from', '192.0.2.77', 'lookup', '77')
    onTestFinished(() => void lab.run('router', 'ip', 'rule', 'delete', 'from', '192.0.2.77'))
    expect(await faultOf(() => netvia.ping(silent, limit))).toBe('timeout')
  })

  test('on a device without an IPv4 address and route, whose packets have an address of another one, reports silence', async () => {
    const { address4 } = lab.addDevice(device)
    const [loopback, far] = ['192.0.2.77/32', '10.99.9.9']
    lab.run('router', 'ip', 'address', 'add', loopback, 'dev', 'lo')
    onTestFinished(() => void lab.run('router', 'ip', 'address', 'delete', loopback, 'dev', 'lo'))
    lab.run('internet', 'ip', 'address', 'add', `${far}/32`, 'dev', device)
    lab.run('internet', 'ip', 'route', 'replace', loopback, 'dev', device)
    lab.run('router', 'ip', 'address', 'delete', `${address4}/24`, 'dev', device)
    lab.run('router', 'ip', 'route', 'flush', 'dev', device)
    expect(await faultOf(() => netvia.ping(far, limit))).toBe('reply')
    lab.run('internet', 'ip', 'route', 'replace', 'blackhole', loopback)
    onTestFinished(() => void lab.run('internet', 'ip', 'route', 'delete', loopback))
    expect(await faultOf(() => netvia.ping(far, limit))).toBe('timeout')
  })

  test('on a device without an IPv4 address that asks for no neighbours, reports silence', async () => {
    lab.addDevice(device)
    lab.run('router', 'ip', 'link', 'set', device, 'arp', 'off')
    lab.run('router', 'ip', '-4', 'address', 'flush', 'dev', device)
    expect(await faultOf(() => netvia.ping(silent, limit))).toBe('timeout')
  })

  test('on a device without an IPv6 address that need not ask for its neighbours, reports silence', async () => {
    const { gateway6 } = lab.addDevice(device)
    const { address: mac } = JSON.parse(lab.run('internet', 'ip', '-j', 'link', 'show', device))[0]
    lab.run('router', 'ip', '-6', 'neighbour', 'replace', gateway6, 'lladdr', mac, 'dev', device, 'nud', 'permanent')
    lab.run('router', 'ip', '-6', 'address', 'flush', 'dev', device)
    expect(await faultOf(() => netvia.ping(silent6, limit))).toBe('timeout')
    lab.run('router', 'ip', '-6', 'neighbour', 'delete', gateway6, 'dev', device)
    expect(await faultOf(() => netvia.ping(silent6, limit))).toMatchObject({ code: 'ENETDOWN' })
    lab.run('router', 'ip', 'link', 'set', device, 'arp', 'off')
    expect(await faultOf(() => netvia.ping(silent6, limit))).toBe('timeout')
  })

  test('on a device with a strict filter and a way back through it, reports silence', async () => {
    const { address4, gateway4 } = lab.addDevice(device)
    lab.run('router', 'sysctl', '-qw', `net/ipv4/conf/${device}/rp_filter=1`)
    lab.run('router', 'ip', 'rule', 'add', 'from', address4, 'lookup', '77')
    onTestFinished(() => void lab.run('router', 'ip', 'rule', 'delete', 'from', address4))
    lab.run('router', 'ip', 'route', 'add', 'default', 'table', '77', 'via', gateway4, 'dev', device)
    expect(await faultOf(() => netvia.ping(silent, limit))).toBe('timeout')
  })

  test('on a device with a strict filter that is one of several ways back, reports silence', async () => {
    const { gateway4 } = lab.addDevice(device)
    lab.run('router', 'sysctl', '-qw', `net/ipv4/conf/${device}/rp_filter=1`)
    const hops = [lab.wan1, { device, gateway4 }].flatMap(hop => ['nexthop', 'via', hop.gateway4, 'dev', hop.device])
    lab.run('router', 'ip', 'route', 'add', '198.18.5.0/24', ...hops)
    onTestFinished(() => void lab.run('router', 'ip', 'route', 'delete', '198.18.5.0/24'))
    expect(await faultOf(() => netvia.ping(silent, limit))).toBe('timeout')
  })

  test('on a device with a strict filter and without an address, whose way is a nexthop object, reports silence', async () => {
    const { address4, gateway4 } = lab.addDevice(device)
    lab.run('router', 'ip', 'address', 'delete', `${address4}/24`, 'dev', device)
    const compatible = (mode: string) => lab.run('router', 'sysctl', '-qw', `net/ipv4/nexthop_compat_mode=${mode}`)
    lab.run('router', 'sysctl', '-qw', `net/ipv4/conf/${device}/rp_filter=1`)
    compatible('0')
    onTestFinished(() => void compatible('1'))
    lab.run('router', 'ip', 'nexthop', 'add', 'id', '77', 'via', gateway4, 'dev', device, 'onlink')
    lab.run('router', 'ip', 'route', 'add', '198.18.5.0/24', 'nhid', '77')
    expect(await faultOf(() => netvia.ping(silent, limit))).toBe('timeout')
  })

  test('on a device without an IPv4 address, through which a route leads, reports silence', async () => {
    const { address4, gateway4 } = lab.addDevice(device)
    lab.run('router', 'ip', 'address', 'delete', `${address4}/24`, 'dev', device)
    lab.run('router', 'ip', 'route', 'add', '198.18.5.0/24', 'via', gateway4, 'dev', device, 'onlink')
    expect(await faultOf(() => netvia.ping(silent, limit))).toBe('timeout')
  })

  test('while its device is deleted reports that', async () => {
    const gone = lab.addDevice(device)
    const found = await whenAll(calls, gone.remove)
    expect(found).toEqual(of(calls, expect.objectContaining({ code: 'ENODEV', device })))
  })

  test('while the cable is pulled reports silence', async () => {
    lab.addDevice(device)
    const found = await whenAll(calls, () => lab.run('internet', 'ip', 'link', 'set', device, 'down'))
    const verdicts = Object.entries(found).map(([name, fault]) => [name, (fault as { code?: string }).code ?? fault])
    // EHOSTUNREACH is possible because this machine's own kernel reports that the neighbour is gone.
    const silence = /^(ETIMEDOUT|ETIMEOUT|EHOSTUNREACH|filtered|timeout|the host answers to no size)$/
    expect(Object.fromEntries(verdicts)).toEqual(of(calls, expect.stringMatching(silence)))
  })
})
