import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { beforeAll, describe, expect, it } from 'vitest'
import { joinHostPort, measureRate, type RateFound, type RateUnknown } from '../../src/index.js'
import { percentile } from '../../src/stats.js'
import { atEnd, type CapturedPacket, type Host, lab, needs } from '../lab/index.js'
import { stop } from '../lab/processes.js'
import { command, netvia } from '../unit/cli-process.js'
import { openSockets } from '../unit/open-sockets.js'
import { movedDuring } from './moved.js'

needs('nft', 'tcpdump')

const { server, slow } = lab
const token = 'a token of the laboratory'
const tokenFile = join(lab.folder, 'rate-token')

/** Starts another rate server until the end of the test (or of the file, outside a test). */
async function serve(host: Host, address: string, ...flags: string[]) {
  const words = ['line', '--serve', '--token-file', tokenFile, '--listen', address, ...flags]
  const child = lab.spawn(host, process.execPath, command, ...words)
  await new Promise(resolve => createInterface(child.stdout!).once('line', resolve))
  return child
}

let lastPort = 4500

/** The address of a new server, because one whose client was cut off stays busy for some seconds. */
async function freshServer(address = server.address4): Promise<string> {
  const port = ++lastPort
  await serve('internet', address, '--port', String(port))
  return joinHostPort(address, port)
}

beforeAll(() => writeFileSync(tokenFile, token))

/** Adds a token bucket to a device, with `rate` in Mbit/s and a queue for `queueMs` of data. */
function shape(host: Host, device: string, rate: number, queueMs: number): void {
  const limit = Math.max(16_000, Math.round((rate * 1000 * queueMs) / 8))
  const words = `qdisc add dev ${device} root tbf rate ${rate}mbit burst ${rate > 5 ? 16_000 : 3_200} limit ${limit}`
  lab.run(host, 'tc', ...words.split(' '))
  atEnd(() => void lab.run(host, 'tc', 'qdisc', 'delete', 'dev', device, 'root'))
}

/** Waits until wan1 has moved so much data that the load in this direction has started. Acknowledgements are far less. */
async function wan1Moves(counter: 'rx_bytes' | 'tx_bytes'): Promise<void> {
  const read = () => Number(readFileSync(`/sys/class/net/wan1/statistics/${counter}`, 'utf8'))
  const begin = read()
  await expect.poll(read, { timeout: 30_000, interval: 20 }).toBeGreaterThan(begin + 100_000)
}

/** The relative deviation of `value` from `wanted`. */
const off = (value: number, wanted: number) => Math.abs(value / wanted - 1)

const echo = { 1: { request: 8, reply: 0 }, 58: { request: 128, reply: 129 } } as const

/** Captures pings and TCP SYNs. */
const pingsAndSyns = 'icmp or icmp6 or tcp[tcpflags] & tcp-syn != 0 or ( ip6 proto 6 and ip6[53] & 2 != 0 )'

/** The packets after the last SYN. The last connections carry the upload, and its pings follow. */
const afterLastSyn = (packets: readonly CapturedPacket[]) =>
  packets.slice(packets.findLastIndex(({ protocol }) => protocol === 6) + 1)

/** The RTT of each ping that tcpdump saw, in the order of sending. */
function roundTrips(packets: readonly CapturedPacket[]): number[] {
  const sent = new Map<string, number>()
  const found = new Map<string, number>()
  for (const { protocol, payload, timeMs } of packets) {
    const types = echo[protocol as keyof typeof echo]
    const key = payload?.subarray(4, 8).toString('hex')
    if (!types || key === undefined) continue
    if (payload![0] === types.request) sent.set(key, timeMs)
    if (payload![0] === types.reply) found.set(key, timeMs - sent.get(key)!)
  }
  return [...sent.keys()].map(key => found.get(key) ?? Number.NaN)
}

const median = (values: readonly number[]) =>
  percentile(
    [...values].sort((a, b) => a - b),
    0.5,
  )!

describe('measureRate', () => {
  it.each([
    { down: 20, up: 2, queueMs: 400, to: server.address4, says: 'bufferbloat, IPv4' },
    { down: 2, up: 20, queueMs: 400, to: server.address6, says: 'bufferbloat, IPv6' },
    { down: 20, up: 20, queueMs: 20, to: server.address4, says: 'a short queue' },
  ])('reports $down Mbit/s down and $up up, and the latency that tcpdump sees: $says', async given => {
    shape('isp1', 'customer', given.down, given.queueMs)
    shape('isp1', 'core', given.up, given.queueMs)
    const captured = await lab.capture('wan1', pingsAndSyns)
    const rate = (await measureRate(await freshServer(given.to), {
      device: 'wan1',
      token,
      duration: 4000,
    })) as RateFound
    const packets = await captured.stop()
    expect(rate.error).toBeUndefined()
    expect(off(rate.down.bitsPerSecond, given.down * 1e6)).toBeLessThan(0.05)
    expect(off(rate.up.bitsPerSecond, given.up * 1e6)).toBeLessThan(0.05)
    expect(rate.down.goodputBitsPerSecond).toBeLessThan(rate.down.bitsPerSecond)
    for (const [direction, pings] of [
      ['down', roundTrips(packets).slice(rate.idle.sent)],
      ['up', roundTrips(afterLastSyn(packets))],
    ] as const) {
      const { latency, rampMs } = rate[direction]
      const first = Math.ceil(rampMs / 100)
      const shown = pings.slice(first, first + latency.sent).filter(ms => !Number.isNaN(ms))
      expect(latency.received).toBe(shown.length)
      expect(off(latency.p50Ms!, median(shown))).toBeLessThan(0.05)
      expect(latency.p50Ms!).toBeGreaterThan(rate.idle.p50Ms! + given.queueMs / 20)
      expect(latency.p95Ms!).toBeLessThan(given.queueMs * 1.5 + 30)
    }
    // This machine's queue delayed nothing.
    expect(rate.up.limitedBy.filter(({ what }) => what === 'queue')).toEqual([])
  })

  it('uses only its device, moves no more bytes than allowed, and leaves nothing open', async () => {
    shape('isp2', 'customer', 4, 50)
    shape('isp2', 'core', 4, 50)
    const to = await freshServer()
    const before = await openSockets()
    let rate: RateFound | undefined
    const moved = await movedDuring(async () => {
      const options = { device: 'wan2', token, maxBytes: 1_000_000 }
      rate = (await measureRate(to, options)) as RateFound
    })
    expect(moved.wan1).toBe(0)
    expect(rate).toMatchObject({ ok: true, server: to })
    for (const { bytes, bitsPerSecond, retransmitRatio } of [rate!.down, rate!.up]) {
      expect(bytes * (1 - retransmitRatio)).toBeLessThan(1_100_000)
      // A busy machine doesn't reach it in so short a time.
      expect(bitsPerSecond).toBeLessThan(4.4e6)
    }
    expect(await openSockets()).toBe(before)
  })

  it("marks a limit by this machine's own queue", async () => {
    // Without a limit, the download may be over before a busy machine has taken enough samples.
    shape('isp1', 'customer', 20, 100)
    shape('router', 'wan1', 5, 100)
    const rate = (await measureRate(await freshServer(), { device: 'wan1', token, duration: 2000 })) as RateFound
    expect(rate.error).toBeUndefined()
    const evidence = expect.stringMatching(/^tbf on wan1 dropped/)
    expect(rate.up.limitedBy).toContainEqual({ side: 'client', what: 'queue', evidence })
  })

  it("marks a limit by this machine's small receive window", async () => {
    const name = 'net.ipv4.tcp_rmem'
    const usual = lab.run('router', 'sysctl', '-n', name).trim()
    atEnd(() => void lab.run('router', 'sysctl', '-qw', `${name}=${usual}`))
    lab.run('router', 'sysctl', '-qw', `${name}=4096 4096 4096`)
    // Even a busy server then waits for the window for most of the time, and a busy machine adds no delay that looks like a full line.
    await serve('slow', slow.address4)
    await lab.relay({ delayMs: 250 })
    const { down } = (await measureRate(slow.address4, { device: 'slow0', token, duration: 4000 })) as RateFound
    expect(down.limitedBy).toContainEqual({
      ...{ side: 'client', what: 'receive-window', evidence: expect.stringMatching(/held the sender for/) },
    })
  })

  it('measures a lossy path', async () => {
    await serve('slow', slow.address4)
    await lab.relay({ loss: 0.05, delayMs: 5 })
    // Without a rate limit, the load would end after a few pings, and possibly none of them would be lost.
    shape('router', 'slow0', 20, 100)
    shape('slow', 'router', 20, 100)
    const rate = (await measureRate(slow.address4, {
      device: 'slow0',
      token,
      duration: 6000,
      timeout: 15_000,
    })) as RateFound
    expect(rate.error).toBeUndefined()
    expect(rate.down.retransmitRatio).toBeGreaterThan(0.01)
    expect(rate.down.latency.lossRatio! + rate.up.latency.lossRatio!).toBeGreaterThan(0)
  })

  it('ends with a partial result when the server dies, or stops answering', async () => {
    shape('isp1', 'core', 2, 100)
    shape('isp1', 'customer', 2, 100)
    const options = { device: 'wan1', token }
    const dying = await serve('internet', server.address4)
    const died = measureRate(server.address4, { ...options, duration: 20_000 })
    await wan1Moves('rx_bytes')
    await stop(dying)
    expect(await died).toMatchObject({ ok: false, idle: { received: 10 }, down: undefined, error: { syscall: 'rate' } })
    expect((await died).error!.code).toBe('ECONNRESET')
    const run = measureRate(await freshServer(), { ...options, duration: 3000 }) as Promise<RateUnknown>
    await wan1Moves('tx_bytes')
    lab.fault('isp1', `ip saddr ${server.address4} drop`)
    const silent = await run
    expect(silent.ok).toBe(false)
    expect(silent.error.code).toBe('ETIMEDOUT')
    expect(silent.down?.bitsPerSecond).toBeGreaterThan(0)
  })

  it('frees its server some seconds after it was cut off', async () => {
    const to = await freshServer()
    shape('isp1', 'customer', 2, 100)
    // In a process of its own, because those of one process wait for each other.
    const options = { token, duration: 60_000, device: 'wan1' }
    const words = `import('./dist/index.js').then(it => it.measureRate(...${JSON.stringify([to, options])}))`
    lab.spawn('router', process.execPath, '-e', words)
    await wan1Moves('rx_bytes')
    lab.fault('isp1', 'drop')
    const cutAt = performance.now()
    // Without detection, the server would finish the load of 60 s and wait another 15 s for the next part.
    let again: RateFound | RateUnknown
    let askedAt: number
    do {
      askedAt = performance.now()
      again = await measureRate(to, { token, duration: 1000, device: 'wan2' })
    } while (again.error?.code === 'ERR_RATE_REFUSED')
    expect(again.error).toBe(undefined)
    expect(askedAt - cutAt).toBeLessThan(50_000)
  })

  it('rejects with the reason of its signal, and leaves nothing open', async () => {
    shape('isp1', 'customer', 2, 100)
    const to = await freshServer()
    const before = await openSockets()
    const controller = new AbortController()
    const reason = new Error('enough')
    setTimeout(() => controller.abort(reason), 2000)
    const options = { device: 'wan1', token, signal: controller.signal }
    await expect(measureRate(to, options)).rejects.toBe(reason)
    expect(await openSockets()).toBe(before)
  })

  it('refuses a wrong token, and allows one measurement at a time', async () => {
    const options = { device: 'wan1', duration: 2000 }
    const to = await freshServer()
    const wrong = await measureRate(to, { ...options, token: 'not the token of it' })
    expect(wrong.error).toMatchObject({ code: 'ERR_RATE_REFUSED', message: expect.stringContaining('token') })
    // On a slow line, the measurement takes its whole duration.
    shape('isp1', 'core', 2, 100)
    shape('isp1', 'customer', 2, 100)
    const ours = measureRate(to, { ...options, token, duration: 5000 })
    await wan1Moves('rx_bytes')
    const flags = ['--server', to, '--token-file', tokenFile, '--dns-server', '127.0.0.1', '-W', '0.5']
    const other = await netvia(['line', '-I', 'wan2', ...flags])
    expect(other.stdout).toMatch(/^wan2 rate: .*measuring another line/m)
    expect((await ours).error).toBeUndefined()
  })
})

describe('netvia line --server', () => {
  it('compares lines, one of them dead', async () => {
    // So little that a busy machine fills the line, too.
    shape('isp2', 'customer', 4, 50)
    shape('isp2', 'core', 2, 50)
    lab.fault('isp1', 'drop')
    const flags = [
      '--server',
      await freshServer(),
      '--token-file',
      tokenFile,
      '--duration',
      '2s',
      '--dns-server',
      '127.0.0.1',
    ]
    const { code, stdout } = await netvia(['line', '-I', 'wan1', '-I', 'wan2', ...flags, '-W', '1'])
    expect(stdout).toMatch(/^download +unknown +(at least )?(3\.[89]\d|4\.\d\d) Mbit\/s/m)
    expect(stdout).toMatch(/^upload +unknown +(at least )?(1\.[89]\d|2\.\d\d) Mbit\/s/m)
    expect(stdout).toMatch(/^wan1 rate: .*ETIMEDOUT/m)
    expect(code).toBe(1)
  })

  it('is never used unless requested', async () => {
    const { code, stderr } = await netvia(['line', '-I', 'wan1', '--duration', '2s'])
    expect([code, stderr]).toEqual([3, expect.stringContaining('--duration is for --server')])
    const without = await netvia(['line', '-I', 'wan1', '--server', server.address4])
    expect([without.code, without.stderr]).toEqual([3, expect.stringContaining('--token-file')])
  })
})
