import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { ping } from '../../src/protocols/icmp/ping.js'
import { lab, needs } from '../lab/index.js'
import { atOnce } from '../unit/at-once.js'
import { openSockets } from '../unit/open-sockets.js'

const server = { 4: lab.server.address4, 6: lab.server.address6 } as const
const each = [
  { kind: 'datagram', family: 4 },
  { kind: 'raw', family: 4 },
  { kind: 'datagram', family: 6 },
  { kind: 'raw', family: 6 },
] as const

describe.each(each)('$kind, IPv$family', ({ kind, family }) => {
  needs('nft', 'tcpdump')
  const host = server[family]
  const echo = family === 4 ? 'icmp type echo-request' : 'icmpv6 type echo-request'

  test('a reply, with all there is to know', async () => {
    const before = await openSockets()
    const sentAt = Date.now()
    const result = await ping(host, { kind })
    const answeredAt = Date.now()
    expect(result).toEqual({
      outcome: 'reply',
      alive: true,
      host,
      address: host,
      family,
      sequence: 0,
      bytes: 64,
      rttMs: expect.any(Number),
      queuedMs: expect.any(Number),
      ttl: 63,
      from: host,
      reason: undefined,
      type: family === 4 ? 0 : 129,
      code: 0,
      mtu: undefined,
      error: undefined,
      sentAt: expect.any(Number),
      clock: 'kernel',
    })
    // The RTT is within the duration of the call. Clocks may differ by their resolution.
    expect(result.rttMs).toBeGreaterThan(0)
    expect(result.rttMs).toBeLessThan(answeredAt - sentAt + 5)
    expect(result.sentAt).toBeGreaterThan(sentAt - 5)
    expect(result.sentAt).toBeLessThan(answeredAt + 5)
    expect(await openSockets()).toBe(before)
  })

  test.each(['wan1', 'wan2'])('goes out through %s and nothing else', async device => {
    const before = ['wan1', 'wan2'].map(name => lab.counters(name).txPackets)
    expect(await ping(host, { kind, device })).toMatchObject({ outcome: 'reply' })
    const moved = ['wan1', 'wan2'].map((name, index) => lab.counters(name).txPackets - before[index]!)
    expect(moved).toEqual(device === 'wan1' ? [1, 0] : [0, 1])
  })

  test('silence', async () => {
    const repair = lab.fault('isp1', `${echo} drop`)
    const started = performance.now()
    const result = await ping(host, { kind, timeout: 150 })
    repair()
    expect(result).toMatchObject({
      outcome: 'timeout',
      alive: false,
      rttMs: undefined,
      from: undefined,
      reason: undefined,
    })
    expect(performance.now() - started).toBeGreaterThanOrEqual(149)
  })

  const rejections: [word: string, code: number, reason: string][] =
    family === 4
      ? [
          ['net-unreachable', 0, 'network unreachable'],
          ['host-unreachable', 1, 'host unreachable'],
          ['port-unreachable', 3, 'port unreachable'],
          ['admin-prohibited', 13, 'communication administratively prohibited'],
        ]
      : [
          ['no-route', 0, 'no route to destination'],
          ['admin-prohibited', 1, 'communication administratively prohibited'],
          ['addr-unreachable', 3, 'address unreachable'],
          ['port-unreachable', 4, 'port unreachable'],
        ]

  test.each(rejections)('rejected: %s', async (word, code, reason) => {
    const type = family === 4 ? 'icmp' : 'icmpv6'
    const repair = lab.fault('isp1', `${echo} reject with ${type} type ${word}`)
    const result = await ping(host, { kind, timeout: 1000 })
    repair()
    const from = family === 4 ? lab.wan1.gateway4 : lab.wan1.gateway6
    expect(result).toMatchObject({
      outcome: 'unreachable',
      alive: false,
      from,
      code,
      reason,
      type: family === 4 ? 3 : 1,
    })
    expect(result.rttMs).toBeGreaterThan(0)
    expect(result.rttMs).toBeLessThan(500)
  })

  test('out of hops, at the first and at the second router', async () => {
    expect(await ping(host, { kind, ttl: 1 })).toMatchObject({
      outcome: 'ttl-exceeded',
      from: family === 4 ? lab.wan1.gateway4 : lab.wan1.gateway6,
      reason: expect.stringContaining('exceeded in transit'),
    })
    expect(await ping(host, { kind, ttl: 2 })).toMatchObject({ outcome: 'reply' })
  })

  test('different hop limits at the same time', async () => {
    const results = await Promise.all([1, 64, 1, 2, 64].map(ttl => ping(host, { kind, ttl })))
    expect(results.map(({ outcome }) => outcome)).toEqual(['ttl-exceeded', 'reply', 'ttl-exceeded', 'reply', 'reply'])
  })

  test('too big for a link on the way, every time', async () => {
    const setMtu = (mtu: string) => {
      lab.run('isp1', 'ip', 'link', 'set', 'core', 'mtu', mtu)
      lab.run('internet', 'ip', 'link', 'set', 'isp1', 'mtu', mtu)
    }
    setMtu('1400')
    try {
      for (let i = 0; i < 2; i++) {
        expect(await ping(host, { kind, payloadSize: 1440, dontFragment: true })).toMatchObject({
          outcome: 'too-big',
          mtu: 1400,
          from: family === 4 ? lab.wan1.gateway4 : lab.wan1.gateway6,
        })
      }
      if (family === 4) expect(await ping(host, { kind, payloadSize: 1440 })).toMatchObject({ outcome: 'reply' })
    } finally {
      setMtu('1500')
      lab.run('router', 'ip', '-6', 'route', 'flush', 'cache')
    }
  })

  test('too big for the device itself: not sent', async () => {
    const result = await ping(host, { kind, payloadSize: 2000, dontFragment: true })
    expect(result).toMatchObject({ outcome: 'send-failed', error: { code: 'EMSGSIZE' }, mtu: 1500 })
    const fits = family === 4 ? 1472 : 1452
    expect(result.error?.hint).toBe(`the MTU of 1500 leaves ${fits} bytes of payload`)
    expect(await ping(host, { kind, payloadSize: fits, dontFragment: true })).toMatchObject({ outcome: 'reply' })
    expect(await ping(host, { kind, payloadSize: 60_000 })).toMatchObject({ outcome: 'reply', bytes: 60_008 })
  })

  test('no route, and a firewall of our own: not sent, and not lost', async () => {
    const address = family === 4 ? '10.66.0.1' : 'fd00:66::1'
    lab.run('router', 'ip', 'route', 'add', 'unreachable', address)
    expect(await ping(address, { kind })).toMatchObject({ outcome: 'send-failed', error: { code: 'EHOSTUNREACH' } })
    lab.run('router', 'ip', 'route', 'delete', 'unreachable', address)
    lab.run('router', 'nft', 'add table inet own; add chain inet own out { type filter hook output priority 0; }')
    lab.run('router', 'nft', `add rule inet own out ${echo} drop`)
    try {
      // Linux doesn't report a failed send to IPv6 ping sockets (ping_v6_sendmsg). Only a missing timestamp from the device shows it.
      const device = family === 6 && kind === 'datagram' ? 'wan1' : undefined
      expect(await ping(host, { kind, device, timeout: 200 })).toMatchObject({
        outcome: 'send-failed',
        error: { code: device ? 'EHOSTUNREACH' : 'EPERM' },
        alive: false,
      })
    } finally {
      lab.run('router', 'nft', 'delete', 'table', 'inet', 'own')
    }
    expect(await ping(host, { kind })).toMatchObject({ outcome: 'reply', clock: 'kernel' })
  })

  test('no neighbour answers, and the kernel reports nothing to a socket bound to a device', {
    timeout: 20_000,
  }, async () => {
    const dead = lab.addDevice(`dead${family}${kind[0]}`)
    expect(await ping(host, { kind, device: dead.device })).toMatchObject({ outcome: 'reply' })
    lab.run('internet', 'ip', 'address', 'flush', 'dev', dead.device)
    lab.run('router', 'ip', 'neighbour', 'flush', 'dev', dead.device)
    expect(await ping(host, { kind, device: dead.device, timeout: 300 })).toMatchObject({
      outcome: 'timeout',
    })
    expect(await ping(host, { kind, device: dead.device, timeout: 4000 })).toMatchObject({
      outcome: 'send-failed',
      error: { code: 'EHOSTUNREACH', device: dead.device },
    })
    dead.remove()
  })

  test('errors for one probe leave the others of the socket alone', async () => {
    const repair = lab.fault(
      'isp1',
      `${echo} ip${family === 4 ? '' : '6'} length < 60 reject`.replace('ip6 length', 'ip6 length'),
    )
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, index) => ping(host, { kind, timeout: 1000, payloadSize: index % 2 ? 8 : 100 })),
    )
    repair()
    expect(results.filter(({ outcome }) => outcome === 'unreachable')).toHaveLength(50)
    expect(results.filter(({ outcome }) => outcome === 'reply')).toHaveLength(50)
  })

  test("the user's own payload comes back, or it is no reply", async () => {
    expect(await ping(host, { kind, payload: Buffer.from('netvia') })).toMatchObject({ outcome: 'reply', bytes: 14 })
    expect(await ping(host, { kind, payloadSize: 0 })).toMatchObject({ outcome: 'reply', bytes: 8 })
  })

  test('the device deleted while waiting', async () => {
    const before = await openSockets()
    const gone = lab.addDevice(`gone${family}${kind[0]}`)
    const repair = lab.fault('internet', `${echo} drop`)
    const waiting = ping(host, { kind, device: gone.device, timeout: 5000 })
    await sleep(50)
    gone.remove()
    expect(await waiting).toMatchObject({ outcome: 'send-failed', error: { code: 'ENODEV', device: gone.device } })
    repair()
    await expect(ping(host, { kind, device: gone.device })).rejects.toMatchObject({ code: 'ENODEV' })
    expect(await openSockets()).toBe(before)
  })

  test('aborted while waiting: rejects with the reason immediately, and leaves nothing', async () => {
    const before = await openSockets()
    const repair = lab.fault('isp1', `${echo} drop`)
    const controller = new AbortController()
    const waiting = ping(host, { kind, signal: controller.signal })
    await sleep(30)
    const reason = new Error('enough')
    const started = performance.now()
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    expect(performance.now() - started).toBeLessThan(atOnce)
    repair()
    expect(await openSockets()).toBe(before)
  })
})
