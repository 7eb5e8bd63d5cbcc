import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { checkPing } from '../../src/checks/check-ping.js'
import { ping } from '../../src/protocols/icmp/ping.js'
import { pings } from '../../src/protocols/icmp/pings.js'
import type { PingResult } from '../../src/protocols/icmp/result.js'
import { openIcmp } from '../../src/protocols/icmp/socket/icmp-socket.js'
import { sweep } from '../../src/protocols/icmp/sweep/sweep.js'
import { traceroute } from '../../src/protocols/traceroute/traceroute.js'
import { lab, needs } from '../lab/index.js'

const kinds = [
  { kind: 'datagram', family: 4 },
  { kind: 'raw', family: 4 },
  { kind: 'datagram', family: 6 },
  { kind: 'raw', family: 6 },
] as const
const server = { 4: lab.server.address4, 6: lab.server.address6 }
const echo = { 4: 'icmp type echo-request', 6: 'icmpv6 type echo-request' }

type Uplink = ReturnType<typeof lab.addDevice>

const gatewayOf = ({ gateway4, gateway6 }: Uplink, family: 4 | 6) => (family === 4 ? gateway4 : gateway6)
const outcomesOf = (results: PingResult[]) => results.map(({ outcome }) => outcome)

/** Adds a token bucket of 100 kbit/s, which takes 80 ms for a packet of 1,000 bytes. `limit`: the queue size in bytes. */
function shape({ device }: Uplink, limit: number): () => void {
  const words = `qdisc add dev ${device} root tbf rate 100kbit burst 1600 limit ${limit}`
  lab.run('router', 'tc', ...words.split(' '))
  return () => void lab.run('router', 'tc', 'qdisc', 'delete', 'dev', device, 'root')
}

async function all(results: AsyncIterable<PingResult>): Promise<PingResult[]> {
  const found: PingResult[] = []
  for await (const result of results) found.push(result)
  return found
}

describe.each(kinds)("the queue of this machine's own device, $kind, IPv$family", ({ kind, family }) => {
  needs('nft')
  const uplink = lab.addDevice(`queue${family}${kind[0]}`)
  const { device } = uplink
  const host = server[family]
  const options = { kind, device, payloadSize: 1000 }
  afterAll(uplink.remove)

  test('the wait in it is part of the round trip, and reported', async () => {
    await ping(host, options)
    onTestFinished(shape(uplink, 100_000))
    const results = await Promise.all(Array.from({ length: 6 }, () => ping(host, options)))
    expect(outcomesOf(results)).toEqual(Array(6).fill('reply'))
    const last = results.reduce((a, b) => (a.rttMs! > b.rttMs! ? a : b))
    expect(last.clock).toBe('kernel')
    expect(last.rttMs).toBeGreaterThan(250)
    expect(last.queuedMs).toBeGreaterThan(0.8 * last.rttMs!)
    expect(last.queuedMs).toBeLessThan(last.rttMs!)
  })

  test('after it was full, timestamps still match their packets: a loss on the path stays a loss', async () => {
    // This series keeps the socket open, like a monitor.
    const other = pings(host, { ...options, interval: 100_000 })
    await other.next()
    onTestFinished(() => void other.return())
    const clear = shape(uplink, 4000)
    const burst = Array.from({ length: 30 }, () => ping(host, { ...options, timeout: 600 }))
    const crowded = await Promise.all(burst)
    clear()
    expect(outcomesOf(crowded)).toContain('reply')
    expect(outcomesOf(crowded).every(outcome => outcome === 'reply')).toBe(false)

    const repair = lab.fault('internet', `${echo[family]} drop`)
    const lost = await all(pings(host, { ...options, interval: 20, count: 5, timeout: 300 }))
    repair()
    expect(outcomesOf(lost)).toEqual(Array(5).fill('timeout'))
    const { rttMs, clock } = await ping(host, options)
    expect(clock).toBe('kernel')
    expect(rttMs).toBeLessThan(100)
  })
})

test('after any failed send, the timestamps of the next packets match them', { timeout: 30_000 }, async () => {
  needs('nft')
  const { device, remove } = lab.addDevice('mixed')
  onTestFinished(remove)
  const options = { kind: 'raw', device, timeout: 400 } as const
  const host = server[4]
  const away = '10.66.1.1'
  const other = pings(host, { ...options, interval: 100_000 })
  await other.next()
  lab.run('router', 'ip', 'route', 'add', 'unreachable', away)
  onTestFinished(() => void lab.run('router', 'ip', 'route', 'delete', 'unreachable', away))
  lab.run('router', 'nft', 'add table inet own; add chain inet own out { type filter hook output priority 0; }')
  onTestFinished(() => void lab.run('router', 'nft', 'delete', 'table', 'inet', 'own'))
  lab.run('router', 'nft', 'add rule inet own out icmp type echo-request ip length 100-200 numgen inc mod 2 == 0 drop')
  for (let round = 0; round < 5; round++) {
    // One batch with a filtered packet, one without a route, one too large, and a good one.
    const results = await Promise.all([
      ping(host, options),
      ping(host, { ...options, payloadSize: 100 }),
      ping(away, options),
      ping(host, options),
      ping(host, { ...options, payloadSize: 90 }),
      ping(host, options),
    ])
    for (const index of [0, 3, 5]) expect(results[index]).toMatchObject({ outcome: 'reply', clock: 'kernel' })
  }
  const repair = lab.fault('internet', `${echo[4]} drop`)
  expect(outcomesOf(await all(pings(host, { ...options, interval: 10, count: 5 })))).toEqual(Array(5).fill('timeout'))
  repair()
  await other.return()
})

describe('a firewall of this machine that rejects what it sends', () => {
  needs('nft')

  /** As `lab.fault`, but for what the router itself sends. */
  function reject(match: string) {
    const rule = `add rule inet own out ${match} reject with icmpx type admin-prohibited`
    const chain = 'add chain inet own out { type filter hook output priority 0; }'
    lab.run('router', 'nft', `add table inet own; ${chain}; ${rule}`)
    onTestFinished(() => void lab.run('router', 'nft', 'delete table inet own'))
  }

  test.each(kinds)('is no network that is unreachable, $kind, IPv$family', async ({ kind, family }) => {
    reject(echo[family])
    const result = await ping(server[family], { device: 'wan2', kind, timeout: 2000 })
    expect(result).toMatchObject({ outcome: 'send-failed', error: { code: 'EPERM', device: 'wan2' } })
  })

  test('is no router on the route: traceroute by TCP', async () => {
    reject('tcp dport 80')
    const hops = traceroute(server[4], { device: 'wan2', method: 'tcp', queries: 1, maxHops: 1, timeout: 2000 })
    for await (const { probes } of hops) {
      expect(probes[0]).toMatchObject({ outcome: 'send-failed', error: { code: 'EPERM', device: 'wan2' } })
    }
  })
})

describe.each([4, 6] as const)('a next hop that does not answer ARP or neighbour discovery, IPv%i', family => {
  /** A device whose gateway is silent. The kernel asks for it `probes` times, at least a second apart. */
  const dead = (name: string, probes: number) => {
    const uplink = lab.addDevice(`${name}${family}`)
    onTestFinished(uplink.remove)
    const cache = ['name', family === 4 ? 'arp_cache' : 'ndisc_cache']
    lab.run('router', 'ip', 'ntable', 'change', ...cache, 'dev', uplink.device, 'mcast_probes', String(probes))
    const part = family === 4 ? ['-4'] : ['-6']
    const mute = () => {
      lab.run('internet', 'ip', ...part, 'address', 'flush', 'dev', uplink.device)
      lab.run('router', 'ip', 'neighbour', 'flush', 'dev', uplink.device)
    }
    const heal = () => {
      const length = family === 4 ? '/24' : '/64'
      const words = `address add ${gatewayOf(uplink, family)}${length} dev ${uplink.device}`
      lab.run('internet', 'ip', ...words.split(' '), ...(family === 6 ? ['nodad'] : []))
    }
    mute()
    return { ...uplink, gateway: gatewayOf(uplink, family), heal }
  }

  test('is silence while the kernel asks, and a failed send once it has given up, with and without a device', {
    timeout: 30_000,
  }, async () => {
    const [named, unnamed] = [dead('named', 3), dead('plain', 3)]
    const ask = async (host: string, device?: string) => {
      // Before the kernel gives up, and after it.
      const results = [await ping(host, { device, timeout: 2000 }), await ping(host, { device, timeout: 20_000 })]
      expect(outcomesOf(results)).toEqual(['timeout', 'send-failed'])
      expect(results[1]!.error).toMatchObject({ code: 'EHOSTUNREACH' })
    }
    await Promise.all([ask(named.gateway, named.device), ask(unnamed.gateway)])
  })

  test('is a loss while the kernel still holds the packets, and a check that allows none fails', {
    timeout: 30_000,
  }, async () => {
    // On a busy machine, the repair takes longer than the usual three seconds.
    const { device, gateway, heal } = dead('hold', 20)
    const check = await checkPing(gateway, { device, interval: 100, timeout: 200, maxLossRatio: 0 })
    const statistics = { sent: 3, unsent: 0, lossRatio: 1 }
    expect(check).toMatchObject({ ok: false, statistics, error: { code: 'ETIMEDOUT' } })
    const healed = sleep(400).then(heal)
    const series = pings(gateway, { device, interval: 250, count: 12, timeout: 200 })
    const results = await all(series)
    await healed
    expect(new Set(outcomesOf(results))).toEqual(new Set(['timeout', 'reply']))
    expect(series.statistics).toMatchObject({ sent: 12, unsent: 0 })
  })

  test('is asked again by a sweep, which finds a host that is resolved late', { timeout: 30_000 }, async () => {
    const { device, gateway, heal } = dead('late', 3)
    const healed = sleep(700).then(heal)
    const [result] = await all(sweep([gateway], { device, timeout: 500, retries: 4 }))
    await healed
    expect(result).toMatchObject({ outcome: 'reply', address: gateway })
    expect(result!.sequence).toBeGreaterThan(0)
  })
})

test.each([4, 6] as const)('a sweep retries unsent requests and counts them, IPv%i', async family => {
  const address = family === 4 ? '10.66.2.1' : 'fd00:66:2::1'
  lab.run('router', 'ip', 'route', 'add', 'unreachable', address)
  onTestFinished(() => void lab.run('router', 'ip', 'route', 'delete', 'unreachable', address))
  const swept = sweep([address], { retries: 2 })
  expect(await all(swept)).toMatchObject([{ outcome: 'send-failed', sequence: 2 }])
  expect(swept.statistics).toMatchObject({ sent: 0, unsent: 3, lossRatio: undefined })
  expect(swept.progress).toMatchObject({ sent: 0, retried: 0, done: 1 })
})

test('requests that this machine refuses count neither as loss nor as success in a check', async () => {
  needs('nft')
  const device = 'wan2'
  lab.run('router', 'nft', 'add table inet own; add chain inet own out { type filter hook output priority 0; }')
  onTestFinished(() => void lab.run('router', 'nft', 'delete', 'table', 'inet', 'own'))
  const { sent } = (await checkPing(server[4], { device, interval: 10 })).statistics
  expect(sent).toBe(3)
  // A refused send is tried three times.
  const rule = 'add rule inet own out icmp type echo-request numgen inc mod 4 != 0 drop'
  lab.run('router', 'nft', rule)
  const check = await checkPing(server[4], { kind: 'raw', device, interval: 10, count: 6, maxLossRatio: 0 })
  expect(check.statistics).toMatchObject({ lossRatio: 0 })
  expect(check.statistics.unsent).toBeGreaterThan(0)
  expect(check).toMatchObject({ ok: false, error: { code: 'EPERM' } })
  expect(await checkPing(server[4], { kind: 'raw', device, interval: 10, count: 6 })).toMatchObject({ ok: true })
})

describe.each(kinds)('replies with a wrong checksum, $kind, IPv$family', ({ kind, family }) => {
  needs('nft')
  const host = server[family]
  const word = family === 4 ? 'icmp' : 'icmpv6'

  test('are ignored', async () => {
    const repair = lab.fault('isp1', `${word} type echo-reply @th,16,16 set 0x1234`)
    using socket = openIcmp({ family, kind })
    let seen = 0
    socket.on('message', ({ kind: what }) => {
      if (what === 'echo-reply') seen++
    })
    const request = { family, kind: 'echo-request', identifier: 1, sequence: 1, payload: new Uint8Array(8) } as const
    await socket.send(request, host)
    expect(await ping(host, { kind, timeout: 300 })).toMatchObject({ outcome: 'timeout' })
    expect(seen).toBe(0)
    repair()
    await socket.send(request, host)
    expect(await ping(host, { kind })).toMatchObject({ outcome: 'reply' })
    await expect.poll(() => seen).toBeGreaterThan(0)
  })
})
