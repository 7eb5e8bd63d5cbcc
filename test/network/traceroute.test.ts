import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Hop } from '../../src/protocols/traceroute/hop.js'
import type { TracerouteMethod, TracerouteOptions } from '../../src/protocols/traceroute/options.js'
import { traceroute } from '../../src/protocols/traceroute/traceroute.js'
import { atEnd, type CapturedPacket, type Host, lab, needs } from '../lab/index.js'
import { atOnce } from '../unit/at-once.js'
import { movedDuring } from './moved.js'

const { server, wan1, wan2 } = lab
const methods: TracerouteMethod[] = ['icmp', 'udp', 'tcp']
const families = [4, 6] as const
const matrix = families.flatMap(family => methods.map(method => ({ family, method })))
const hostOf = { 4: server.address4, 6: server.address6 }
const slowOf = { 4: lab.slow.address4, 6: lab.slow.address6 }
/** The near end of the other provider, three hops away through wan1, behind the internet host. */
const farOf = { 4: '10.2.0.1', 6: 'fd00:2::1' }
const middleOf = { 4: '10.1.0.2', 6: 'fd00:1::2' }
const gateway = (family: 4 | 6, uplink = wan1) => (family === 4 ? uplink.gateway4 : uplink.gateway6)

async function collect(hops: AsyncIterable<Hop>): Promise<Hop[]> {
  const all = []
  for await (const hop of hops) all.push(hop)
  return all
}

const addresses = (hops: readonly Hop[]) => hops.map(({ address }) => address)
const outcomes = (hops: readonly Hop[]) => hops.map(({ probes }) => probes.map(({ outcome }) => outcome).join(' '))

/** The open descriptors and Node's timers, after a moment for closing. */
async function leftOpen(): Promise<string> {
  await sleep(100)
  const timers = process.getActiveResourcesInfo().filter(name => name === 'Timeout' || name === 'Immediate').length
  return `${readdirSync('/proc/self/fd').length} descriptors, ${timers} timers`
}

/** Drops packets before the router can see that their TTL has expired, so that it doesn't answer. */
function silence(host: Host, rule: string): () => void {
  lab.run(
    host,
    'nft',
    `add table inet silence; add chain inet silence early { type filter hook prerouting priority -400; }`,
  )
  lab.run(host, 'nft', `add rule inet silence early ${rule} drop`)
  return once(() => lab.run(host, 'nft', 'delete table inet silence'))
}

/** Runs the repair when it is called, or else at the end of the file. */
function once(repair: () => unknown): () => void {
  let broken = true
  const repaired = () => {
    if (broken) repair()
    broken = false
  }
  atEnd(repaired)
  return repaired
}

describe.each(matrix)('traceroute, IPv$family by $method', ({ family, method }) => {
  needs('nft', 'tcpdump')
  const host = hostOf[family]
  const ttl = family === 4 ? 'ip ttl' : 'ip6 hoplimit'
  const to = family === 4 ? 'ip daddr' : 'ip6 daddr'

  it('finds router and target, with times and numbers', async () => {
    const hops = await collect(traceroute(host, { method }))
    expect(hops).toMatchObject([
      { ttl: 1, address: gateway(family), reached: false },
      { ttl: 2, address: host, reached: true },
    ])
    expect(outcomes(hops)).toEqual(['ttl-exceeded ttl-exceeded ttl-exceeded', 'reply reply reply'])
    const probes = hops.flatMap(hop => hop.probes)
    expect(probes.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3, 4, 5])
    expect(probes.filter(({ rttMs, sentAt }) => !(rttMs! > 0 && rttMs! < 50 && Date.now() - sentAt < 5000))).toEqual([])
    if (method !== 'tcp') expect(new Set(probes.map(({ clock }) => clock))).toEqual(new Set(['kernel']))
  })

  it('finds three hops', async () => {
    const hops = await collect(traceroute(farOf[family], { method, queries: 1 }))
    expect(addresses(hops)).toEqual([gateway(family), middleOf[family], farOf[family]])
    expect(hops.map(({ reached }) => reached)).toEqual([false, false, true])
  })

  it('uses only the device', async () => {
    let hops: Hop[] = []
    const moved = await movedDuring(async () => {
      hops = await collect(traceroute(host, { method, device: 'wan2' }))
    })
    expect(addresses(hops)).toEqual([gateway(family, wan2), host])
    expect(moved.wan1).toBe(0)
    expect(moved.wan2).toBeGreaterThanOrEqual(12)
  })

  it('shows a silent hop, and continues', async () => {
    const repair = silence('isp1', `${ttl} 1`)
    const hops = await collect(traceroute(host, { method, timeout: 150, queries: 2 }))
    repair()
    expect(outcomes(hops)).toEqual(['timeout timeout', 'reply reply'])
    expect(hops[0]).not.toHaveProperty('address')
  })

  it('gives up at maxHops if the target is silent, and starts at firstHop', async () => {
    const repair = lab.fault('isp1', `${to} ${host} drop`)
    const started = performance.now()
    const hops = await collect(traceroute(host, { method, timeout: 150, queries: 2, firstHop: 2, maxHops: 20 }))
    const took = performance.now() - started
    repair()
    expect(hops.map(hop => hop.ttl)).toEqual(Array.from({ length: 19 }, (_, index) => index + 2))
    expect(new Set(outcomes(hops))).toEqual(new Set(['timeout timeout']))
    // Sequential hops would take 19 times the timeout.
    expect(took).toBeLessThan(19 * 150)
  })

  it('ends at a router without a route, with its reason', async () => {
    // A firewall rule instead of a route, because the kernel limits the rate of its own errors (net.ipv4.route.error_cost).
    const repair = lab.fault('internet', `${to} ${farOf[family]} reject with icmpx type no-route`)
    const hops = await collect(traceroute(farOf[family], { method }))
    repair()
    expect(addresses(hops)).toEqual([gateway(family), middleOf[family], middleOf[family]])
    expect(outcomes(hops)[2]).toBe('unreachable unreachable unreachable')
    expect(hops[2]!.reached).toBe(false)
    expect(hops[2]!.probes[0]!.reason).toBe(family === 4 ? 'network unreachable' : 'no route to destination')
  })

  it('ends at a firewall that rejects, with its reason', async () => {
    const repair = lab.fault('isp1', `${to} ${host} reject with icmpx type admin-prohibited`)
    const hops = await collect(traceroute(host, { method }))
    repair()
    expect(hops).toHaveLength(2)
    expect(hops[1]).toMatchObject({ address: gateway(family), reached: false })
    expect(hops[1]!.probes[0]).toMatchObject({
      outcome: 'unreachable',
      reason: expect.stringMatching(/administratively prohibited/),
    })
  })

  it('shows all routers that answer at one distance', async () => {
    const ip = (...args: string[]) => lab.run('router', 'ip', `-${family}`, ...args)
    const policy = `net.ipv${family}.fib_multipath_hash_policy`
    const nexthops = [wan1, wan2].flatMap(uplink => ['nexthop', 'via', gateway(family, uplink), 'dev', uplink.device])
    lab.run('router', 'sysctl', '-qw', `${policy}=1`)
    ip('route', 'add', host, ...nexthops)
    // Ten probes would all take one of the two routes once in 512 times.
    const traces = [1, 2, 3].map(() => collect(traceroute(host, { method, queries: 10 })))
    const all = await Promise.all(traces)
    ip('route', 'delete', host)
    lab.run('router', 'sysctl', '-qw', `${policy}=0`)
    const found = new Set(all.flatMap(([hop]) => hop!.probes.map(({ from }) => from)))
    // Echo requests have no ports, so a router that hashes ports sees one flow.
    expect([...found].sort()).toEqual(
      method === 'icmp' ? [all[0]![0]!.address] : [gateway(family), gateway(family, wan2)].sort(),
    )
    expect(all[0]!.at(-1)).toMatchObject({ ttl: 2, reached: true })
  })

  it.each(['unreachable', 'prohibit', 'blackhole', 'throw'])(
    'reports why nothing was sent: a route of type %s',
    async type => {
      lab.run('router', 'ip', `-${family}`, 'route', 'add', type, host)
      const repair = once(() => lab.run('router', 'ip', `-${family}`, 'route', 'delete', type, host))
      const hops = await collect(traceroute(host, { method, timeout: 500 }))
      repair()
      expect(outcomes(hops)).toEqual(['send-failed send-failed send-failed'])
      expect(hops[0]).toMatchObject({ ttl: 1, reached: false })
      expect(hops[0]!.probes[0]!.error!.code).toMatch(/^(EHOSTUNREACH|ENETUNREACH|EACCES|EINVAL)$/)
    },
  )

  it('reports why nothing was sent: the device is down', async () => {
    const { device } = lab.addDevice('usb8')
    lab.run('router', 'ip', 'link', 'set', device, 'down')
    const hops = await collect(traceroute(host, { method, device, timeout: 500 }))
    expect(outcomes(hops)).toEqual(['send-failed send-failed send-failed'])
    expect(hops[0]).toMatchObject({ reached: false, probes: [{ error: { device } }, {}, {}] })
  })

  it('ends with a port unreachable from another address than the target, and shows it', async () => {
    const repair = lab.fault('isp1', `${to} ${host} reject with icmpx type port-unreachable`)
    const hops = await collect(traceroute(host, { method, queries: 1 }))
    repair()
    expect(hops[1]).toMatchObject({ ttl: 2, address: gateway(family), reached: true })
    expect(hops[1]!.probes[0]).toMatchObject({ outcome: 'unreachable', reason: 'port unreachable' })
    expect(hops).toHaveLength(2)
  })

  it.each(['with', 'without'])('reads MPLS labels of a router, %s a checksum', async checksum => {
    const repair = silence('isp1', `${ttl} 1`)
    const filters = { icmp: 'icmp or icmp6', udp: 'udp', tcp: 'tcp' }
    const capture = await lab.capture('wan1', filters[method])
    const waiting = collect(traceroute(host, { method, maxHops: 1, queries: 1, timeout: 3000 }))
    await sleep(100)
    const [request] = await capture.stop()
    sendLabelled(request!, family, checksum === 'with')
    const [hop] = await waiting
    repair()
    expect(hop).toMatchObject({
      address: gateway(family),
      labels: [
        { label: 24_001, trafficClass: 5, bottom: false, ttl: 1 },
        { label: 16, trafficClass: 0, bottom: true, ttl: 254 },
      ],
    })
    expect(hop!.probes[0]).toMatchObject({ outcome: 'ttl-exceeded' })
  })

  it('reports what this machine refused to send', async () => {
    const options = { method, device: 'wan1', timeout: 200, maxHops: 2 } as const
    // After this, netvia knows that the device stamps packets, so a missing stamp means that nothing was sent.
    await collect(traceroute(host, options))
    lab.run('router', 'nft', 'add table inet shut; add chain inet shut out { type filter hook output priority 0; }')
    lab.run('router', 'nft', `add rule inet shut out ${to} ${host} drop`)
    const repair = once(() => lab.run('router', 'nft', 'delete table inet shut'))
    const [hop, ...others] = await collect(traceroute(host, options))
    repair()
    if (method === 'tcp') {
      // connect(2) doesn't report that a firewall dropped the packet.
      expect(hop!.probes[0]).toMatchObject({ outcome: 'timeout' })
    } else {
      expect(outcomes([hop!])).toEqual(['send-failed send-failed send-failed'])
      expect(hop!.probes[0]!.error!.code).toMatch(/^(EPERM|EHOSTUNREACH)$/)
      expect(others).toEqual([])
    }
  })

  it('aborts immediately, and leaves nothing open', async () => {
    const repair = lab.fault('isp1', `${to} ${host} drop`)
    const before = await leftOpen()
    const controller = new AbortController()
    const hops: Hop[] = []
    const running = (async () => {
      for await (const hop of traceroute(host, { method, signal: controller.signal })) hops.push(hop)
    })()
    running.catch(() => {})
    await expect.poll(() => hops.length, { timeout: 20_000 }).toBe(1)
    const aborted = performance.now()
    controller.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    expect(performance.now() - aborted).toBeLessThan(atOnce)
    expect(await leftOpen()).toBe(before)
    for await (const hop of traceroute(host, { method })) {
      expect(hop.ttl).toBe(1)
      break
    }
    expect(await leftOpen()).toBe(before)
    repair()
  })

  it('works for an unprivileged user', async () => {
    const hops = await asNobody(() => collect(traceroute(host, { method, device: 'wan2' })))
    expect(addresses(hops)).toEqual([gateway(family, wan2), host])
  })
})

/** Runs `work` as nobody, without effective capabilities (capabilities(7)), and becomes root again. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  process.setegid!(65_534)
  process.seteuid!(65_534)
  try {
    return await work()
  } finally {
    process.seteuid!(0)
    process.setegid!(0)
  }
}

/** Makes isp1 answer with two labels as in RFC 4950: the quote padded to 128 bytes, then the extension. */
function sendLabelled(request: CapturedPacket, family: 4 | 6, withChecksum: boolean): void {
  const quote = Buffer.alloc(128)
  request.frame.copy(quote, 0, 14)
  const extension = Buffer.from('2000dead000c010105dc1a0100010 1fe'.replaceAll(' ', ''), 'hex')
  extension.writeUInt16BE(0, 2)
  if (withChecksum) extension.writeUInt16BE(checksum(extension), 2)
  const length = family === 4 ? [0, quote.length / 4, 0, 0] : [quote.length / 8, 0, 0, 0]
  const order = {
    family,
    source: gateway(family),
    to: family === 4 ? wan1.address4 : wan1.address6,
    type: family === 4 ? 11 : 3,
    body: Buffer.concat([Buffer.from(length), quote, extension]).toString('hex'),
  }
  lab.run('isp1', process.execPath, fileURLToPath(new URL('icmp-error.mjs', import.meta.url)), JSON.stringify(order))
}

function checksum(bytes: Buffer): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at)
  return ~((sum & 0xffff) + (sum >>> 16)) & 0xffff
}

describe('compared with mtr', () => {
  needs('mtr')

  it.each(matrix)('IPv$family by $method: the same hops', async ({ family, method }) => {
    const target = farOf[family]
    const options = { icmp: [], udp: ['--udp'], tcp: ['--tcp', '--port', '80'] }[method]
    const said = lab.run(
      'router',
      'mtr',
      '--json',
      '--no-dns',
      '--report-cycles',
      '1',
      '--gracetime',
      '1',
      '--interval',
      '0.3',
      ...options,
      target,
    )
    const { report } = JSON.parse(said) as { report: { hubs: { host: string }[] } }
    const hops = await collect(traceroute(target, { method }))
    expect(addresses(hops)).toEqual(report.hubs.map(hub => hub.host))
  })
})

describe('names', () => {
  needs('dnsmasq')

  it('are looked up over the path on request, and may be missing', async () => {
    const options: TracerouteOptions = { names: true, device: 'wan2', timeout: 5000 }
    const dns = await lab.dnsmasq([`ptr-record=1.100.51.198.in-addr.arpa,gateway.test`])
    let hops: Hop[] = []
    const moved = await movedDuring(async () => {
      hops = await collect(traceroute(server.address4, options))
    })
    expect(moved.wan1).toBe(0)
    expect(hops.map(({ name }) => name)).toEqual(['gateway.test', undefined])
    await dns.stop()
    // The owner of an address can put any text into its reverse zone.
    const hostile = await lab.dnsmasq(
      ['gate.test;reboot', 'gate.test'].map(name => `ptr-record=1.100.51.198.in-addr.arpa,${name}`),
    )
    expect((await collect(traceroute(server.address4, options)))[0]!.name).toBe('gate.test')
    await hostile.stop()
    const only = await lab.dnsmasq(['ptr-record=1.100.51.198.in-addr.arpa,gate.test;reboot'])
    expect((await collect(traceroute(server.address4, options)))[0]).not.toHaveProperty('name')
    await only.stop()
    const unnamed = await collect(traceroute(server.address4, options))
    expect(addresses(unnamed)).toEqual([wan2.gateway4, server.address4])
    expect(unnamed[0]).not.toHaveProperty('name')
  })
})

describe('a target that answers', () => {
  needs('nginx')

  it.each(families)(
    'by refusing a connection over IPv%s: the time is that of the answer, not of the event loop',
    async family => {
      const options = { method: 'tcp', port: 9, firstHop: 2, timeout: 1000 } as const
      const waiting = collect(traceroute(hostOf[family], options))
      // Wait until the first turn after the probes were sent.
      await sleep(0)
      await sleep(5)
      const end = performance.now() + 300
      while (performance.now() < end);
      const [hop] = await waiting
      expect(outcomes([hop!])).toEqual(['reply reply reply'])
      expect(Math.max(...hop!.probes.map(({ rttMs }) => rttMs!))).toBeLessThan(150)
    },
  )

  it.each(families)('by refusing a connection over IPv%s: the time is that on the wire', async family => {
    const relay = await lab.relay({ delayMs: 10 })
    for (const [device, host] of [
      ['wan1', hostOf[family]],
      ['slow0', slowOf[family]],
    ] as const) {
      const capture = await lab.capture(device, 'tcp port 9')
      const waiting = collect(traceroute(host, { method: 'tcp', port: 9, firstHop: device === 'wan1' ? 2 : 1 }))
      await sleep(15)
      const end = performance.now() + 100
      while (performance.now() < end);
      const [hop] = await waiting
      const resets = (await capture.stop()).filter(({ payload }) => payload![13]! & 4).map(({ timeMs }) => timeMs)
      expect(outcomes([hop!])).toEqual(['reply reply reply'])
      const apart = hop!.probes.map(({ sentAt, rttMs }) =>
        Math.min(...resets.map(reset => Math.abs(sentAt + rttMs! - reset))),
      )
      expect(Math.max(...apart), `on ${device}`).toBeLessThan(0.1)
    }
    await relay.stop()
  })

  it('with nothing over TCP for longer than the kernel retransmits: silence', async () => {
    lab.fault('isp1', `ip daddr ${server.address4} drop`)
    const [hop] = await collect(
      traceroute(server.address4, { method: 'tcp', firstHop: 2, maxHops: 2, timeout: 10_000 }),
    )
    expect(outcomes([hop!])).toEqual(['timeout timeout timeout'])
  })

  it('over TCP with an open port, which keeps no connection', async () => {
    await lab.nginx()
    const connections = () =>
      (['router', 'internet'] as const).flatMap(host =>
        lab.run(host, 'ss', '-Htan', 'state', 'connected', '( sport = :80 or dport = :80 )').split('\n'),
      )
    const before = new Set(connections())
    const hops = await collect(traceroute(server.address4, { method: 'tcp' }))
    expect(outcomes(hops)[1]).toBe('reply reply reply')
    expect(hops[1]!.probes.map(({ clock }) => clock)).toEqual(['kernel', 'kernel', 'kernel'])
    expect(connections().filter(connection => !before.has(connection))).toEqual([])
  })
})

describe('a device that disappears', () => {
  it.each(methods)('during a trace causes failures with the reason, and an end, %s', async method => {
    const device = lab.addDevice('usb7')
    lab.fault('internet', 'iifname usb7 drop')
    const waiting = collect(traceroute(server.address4, { method, device: 'usb7', timeout: 5000 }))
    await sleep(200)
    device.remove()
    const hops = await waiting
    expect(hops).toHaveLength(1)
    expect(hops[0]!.probes[0]).toMatchObject({ outcome: 'send-failed', error: { code: 'ENODEV' } })
  })
})

describe('an event loop that is blocked for longer than the timeout', () => {
  it.each(methods)('loses no answer, and changes no time of the kernel, %s', async method => {
    const relay = await lab.relay({ delayMs: 10 })
    await collect(traceroute(lab.slow.address4, { method }))
    const waiting = collect(traceroute(lab.slow.address4, { method, timeout: 1000 }))
    await sleep(8)
    // After an immediate, timers run before received data is processed.
    await new Promise(setImmediate)
    const end = performance.now() + 1300
    while (performance.now() < end);
    const hops = await waiting
    await relay.stop()
    expect(outcomes(hops)).toEqual(['reply reply reply'])
    for (const { rttMs, clock } of hops[0]!.probes) {
      expect(rttMs).toBeGreaterThan(19)
      expect(rttMs).toBeLessThan(1000)
      // A SYN has no transmit timestamp.
      expect(clock).toBe(method === 'tcp' ? 'user' : 'kernel')
    }
  })
})
