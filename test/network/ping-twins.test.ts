import { describe, expect, onTestFinished, test } from 'vitest'
import { ping } from '../../src/protocols/icmp/ping.js'
import { type PingsOptions, pings } from '../../src/protocols/icmp/pings.js'
import { sweep } from '../../src/protocols/icmp/sweep/sweep.js'
import { lab, needs } from '../lab/index.js'

// Test cases from other ping tools that no other file here covers. docs/compatibility.md names their sources.

const { address4: server4, address6: server6 } = lab.server
const families = [
  { family: 4, host: server4, echo: 'icmp type echo-request', any: '0.0.0.0/0', far: lab.slow.address4 },
  { family: 6, host: server6, echo: 'icmpv6 type echo-request', any: '::/0', far: lab.slow.address6 },
] as const

async function outcomes(host: string, options: PingsOptions): Promise<string[]> {
  const found: string[] = []
  for await (const { outcome } of pings(host, options)) found.push(outcome)
  return found
}

describe.each(families)('IPv$family', ({ family, host, echo, any, far }) => {
  needs('nft', 'tcpdump')
  const [local1, local2] =
    family === 4 ? [lab.wan1.address4, lab.wan2.address4] : [lab.wan1.address6, lab.wan2.address6]
  const gateway1 = family === 4 ? lab.wan1.gateway4 : lab.wan1.gateway6

  /** Counts echo requests. Other packets, such as those of neighbour discovery, come at any time. */
  async function requestsBy(device: string): Promise<() => Promise<number>> {
    const capture = await lab.capture(device, family === 4 ? 'icmp[0] == 8' : 'icmp6 and ip6[40] == 128')
    return async () => (await capture.stop()).length
  }

  test('a neighbour of one device is not to be had by another (mtr: interface binding)', async () => {
    const capture = await requestsBy('wan1')
    expect(await ping(gateway1, { device: 'wan1' })).toMatchObject({ outcome: 'reply' })
    await ping(gateway1, { device: 'wan2', timeout: 200 })
    expect(await capture()).toBe(1)
  })

  test('a mark chooses the routing table (mtr: packet marking)', async () => {
    const ip = (...args: string[]) => lab.run('router', 'ip', `-${family}`, ...args)
    ip('rule', 'add', 'fwmark', '100', 'table', '100')
    onTestFinished(() => {
      ip('route', 'flush', 'table', '100')
      ip('rule', 'delete', 'fwmark', '100')
    })
    const gateway2 = family === 4 ? lab.wan2.gateway4 : lab.wan2.gateway6
    ip('route', 'add', 'default', 'via', gateway2, 'dev', 'wan2', 'table', '100')
    const captures = [await requestsBy('wan1'), await requestsBy('wan2')]
    expect(await ping(host, { mark: 100 })).toMatchObject({ outcome: 'reply' })
    expect(await ping(host, { mark: 101 })).toMatchObject({ outcome: 'reply' })
    expect(await Promise.all(captures.map(stop => stop()))).toEqual([1, 1])
    ip('route', 'flush', 'table', '100')
    ip('route', 'add', 'unreachable', any, 'table', '100')
    expect(await ping(host, { mark: 100 })).toMatchObject({ outcome: 'send-failed' })
  })

  test('the source of one device, out by the other (mtr: source address; fping: oiface)', async () => {
    const sent = await lab.capture('wan2', family === 4 ? 'icmp' : 'icmp6')
    expect(await ping(host, { device: 'wan2', localAddress: local2 })).toMatchObject({ outcome: 'reply' })
    // The reply goes to wan1's address and arrives through wan1, so a socket bound to wan2 doesn't receive it.
    expect(await ping(host, { device: 'wan2', localAddress: local1, timeout: 200 })).toMatchObject({
      outcome: 'timeout',
    })
    const requests = (await sent.stop()).filter(({ payload }) => payload?.[0] === (family === 4 ? 8 : 128))
    expect(requests.map(({ source }) => source)).toEqual([local2, local1])
  })

  test('the type of service is on the wire (fping -O, trippy: tos)', async () => {
    const capture = await lab.capture('wan1', family === 4 ? 'icmp' : 'icmp6')
    expect(await ping(host, { tos: 0xb8 })).toMatchObject({ outcome: 'reply' })
    const [request] = await capture.stop()
    const header = request!.frame.subarray(14)
    expect(family === 4 ? header[1] : (header.readUInt16BE(0) >> 4) & 0xff).toBe(0xb8)
  })

  test('a near host answers before a far one that was asked first (mtr: parallel probes)', async () => {
    const relay = await lab.relay({ delayMs: 100 })
    const order: string[] = []
    const ask = async (address: string, pair: number) => {
      await ping(address)
      order.push(`${address} ${pair}`)
    }
    const pairs = Array.from({ length: 32 }, (_, pair) => pair)
    await Promise.all(pairs.flatMap(pair => [ask(far, pair), ask(host, pair)]))
    await relay.stop()
    // On a busy machine, sending all probes may take longer than the far host, but sending two in a row rarely does.
    const early = pairs.filter(pair => order.indexOf(`${far} ${pair}`) < order.indexOf(`${host} ${pair}`))
    expect(early.length).toBeLessThan(pairs.length / 8)
  })

  test('silence takes just as long as it was given (mtr: timeout values)', async () => {
    const repair = lab.fault('internet', `${echo} drop`)
    onTestFinished(repair)
    for (const timeout of [1, 100, 1000]) {
      const start = performance.now()
      expect(await ping(host, { timeout })).toMatchObject({ outcome: 'timeout' })
      const took = performance.now() - start
      expect(took).toBeGreaterThanOrEqual(timeout)
      expect(took).toBeLessThan(timeout + 250)
    }
    expect(new Set(await outcomes(host, { count: 16, interval: 1, timeout: 50 }))).toEqual(new Set(['timeout']))
  })

  test('large, tiny and random payloads come back (fping -b, -R; pro-bing: large packet)', async () => {
    for (const payloadSize of [0, 1, 7, 8, 1000, 4096]) {
      expect(await ping(host, { payloadSize })).toMatchObject({ outcome: 'reply', bytes: payloadSize + 8 })
    }
    const payload = crypto.getRandomValues(new Uint8Array(500))
    expect(await ping(host, { payload })).toMatchObject({ outcome: 'reply', bytes: 508 })
  })

  test('refused from the first on: nothing sent, and no division by zero (pro-bing: bad write)', async () => {
    lab.run('router', 'ip', `-${family}`, 'route', 'add', 'prohibit', host)
    onTestFinished(() => {
      lab.run('router', 'ip', `-${family}`, 'route', 'delete', 'prohibit', host)
    })
    const series = pings(host, { count: 3, interval: 10 })
    for await (const result of series)
      expect(result).toMatchObject({ outcome: 'send-failed', error: { code: 'EACCES' } })
    expect(series.statistics).toMatchObject({ sent: 0, received: 0, lossRatio: undefined, avgMs: undefined })
  })
})

describe('a name that cannot be one (fping: unknown host; pro-bing: invalid)', () => {
  const wrong = ['127..0.0.1', 'no..such', ' 127.0.0.1']

  test.each(wrong)('%j is refused', async name => {
    await expect(ping(name)).rejects.toMatchObject({ code: 'ENOTFOUND' })
  })

  test('does not end a sweep', async () => {
    const found = new Map<string, string>()
    for await (const { host, outcome, error } of sweep([...wrong, server4])) found.set(host, error?.code ?? outcome)
    expect(Object.fromEntries(found)).toEqual({
      ...Object.fromEntries(wrong.map(name => [name, 'ENOTFOUND'])),
      [server4]: 'reply',
    })
  })
})
