import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import type { PingResult } from '../../src/protocols/icmp/result.js'
import { sweep } from '../../src/protocols/icmp/sweep/sweep.js'
import { lab, needs } from '../lab/index.js'
import { atOnce } from '../unit/at-once.js'
import { movedDuring } from './moved.js'

async function collect(results: AsyncIterable<PingResult>): Promise<PingResult[]> {
  const all = []
  for await (const result of results) all.push(result)
  return all
}

const descriptors = () => readdirSync('/proc/self/fd').length

function count(results: readonly PingResult[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

describe('sweep', () => {
  it('probes every address of a /20 once, only through the device', async () => {
    const swept = sweep('10.64.16.0/20', { device: 'wan2', rate: 20_000 })
    const moved = await movedDuring(async () => {
      const results = await collect(swept)
      expect(count(results)).toEqual({ reply: 4094 })
      expect(new Set(results.map(({ address }) => address)).size).toBe(4094)
    })
    expect(moved).toEqual({ wan1: 0, wan2: 2 * 4094 })
    expect(swept.progress).toMatchObject({
      total: 4094,
      sent: 4094,
      answered: 4094,
      done: 4094,
      remaining: 0,
      inFlight: 0,
    })
    expect(swept.statistics).toMatchObject({ sent: 4094, received: 4094, lossRatio: 0 })
  })

  it('causes no loss of its own without a rate either', async () => {
    const swept = sweep('10.64.0.0/16')
    const results = await collect(swept)
    expect(count(results)).toEqual({ reply: 65_534 })
    expect(swept.progress.dropped).toBe(0)
  })

  it('needs no more memory for more targets', { timeout: 120_000 }, async () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc')
    const heapAfter = async (blocks: number) => {
      const swept = sweep(Array(blocks).fill('10.64.0.0/17'), { device: 'wan2' })
      let heap = 0
      let results = 0
      for await (const { outcome } of swept) {
        expect(outcome).toBe('reply')
        if (++results < blocks * 32_766) continue
        collectGarbage()
        heap = process.memoryUsage().heapUsed
      }
      return heap
    }
    // Each sequence number remembers its last probe to detect duplicates, so both sweeps have more than 65,536 targets.
    const few = await heapAfter(3)
    expect((await heapAfter(10)) - few).toBeLessThan(10e6)
  })

  it('does not block the event loop', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 5)
    const started = performance.now()
    await collect(sweep('10.64.0.0/17'))
    clearInterval(timer)
    expect(turns).toBeGreaterThan((performance.now() - started) / 250)
  })

  it.each(['datagram', 'raw'] as const)('distinguishes silent, rejected and answering, %s', async kind => {
    lab.fault('isp1', 'ip daddr 10.64.1.0/26 drop')
    lab.fault('isp1', 'ip daddr 10.64.1.64/26 reject with icmp type admin-prohibited')
    const results = await collect(sweep('10.64.1.0/24', { kind, timeout: 400 }))
    expect(count(results)).toEqual({ timeout: 63, unreachable: 64, reply: 127 })
    const rejected = results.find(({ outcome }) => outcome === 'unreachable')!
    expect(rejected).toMatchObject({ code: 13, reason: 'communication administratively prohibited', alive: false })
  })

  it('asks only the silent again', async () => {
    const repair = lab.fault('isp1', 'ip daddr 10.64.2.0/28 drop')
    const swept = sweep('10.64.2.0/24', { timeout: 300, retries: 2 })
    void sleep(450).then(repair)
    const results = await collect(swept)
    expect(count(results)).toEqual({ reply: 254 })
    expect(swept.progress).toMatchObject({ retried: expect.any(Number), sent: 254 + swept.progress.retried, done: 254 })
    expect(swept.progress.retried).toBeGreaterThanOrEqual(15)
    expect(swept.progress.retried).toBeLessThanOrEqual(30)
    expect(results.filter(({ sequence }) => sequence > 0).length).toBe(15)
  })

  it('takes names and both families from any iterable', async () => {
    async function* targets() {
      yield lab.server.address6
      await sleep(20)
      yield lab.server.address4
      yield 'localhost'
    }
    const results = await collect(sweep(targets()))
    expect(results.map(({ host }) => host).sort()).toEqual(
      [lab.server.address6, lab.server.address4, 'localhost'].sort(),
    )
    expect(count(results)).toEqual({ reply: 3 })
  })

  it('keeps to its rate', async () => {
    const started = performance.now()
    await collect(sweep('10.64.3.0/24', { rate: 500 }))
    expect(performance.now() - started).toBeGreaterThan((253 / 500) * 1000 - 25)
  })

  it('keeps to its concurrency', async () => {
    lab.fault('isp1', 'ip daddr 10.64.4.0/24 drop')
    const swept = sweep('10.64.4.0/24', { concurrency: 5, timeout: 200 })
    await swept.next()
    await sleep(10)
    expect(swept.progress).toMatchObject({ done: 5, sent: 10, inFlight: 5 })
    await swept.return()
  })

  it('waits for a slow consumer, with at most 10,000 results and the probes in flight', async () => {
    const swept = sweep('10.64.0.0/16')
    await swept.next()
    let sent = 0
    while (sent !== swept.progress.sent) {
      ;({ sent } = swept.progress)
      await sleep(1500)
    }
    expect(sent).toBeLessThan(10_000 + 5000)
    expect((await collect(swept)).length).toBe(65_533)
  })

  it('starts a /8 immediately, and leaves nothing open after break', async () => {
    await sleep(100)
    const before = descriptors()
    lab.fault('isp1', 'ip daddr 10.128.0.0/9 drop')
    const started = performance.now()
    for await (const { outcome } of sweep('10.64.0.1-10.255.255.254')) {
      expect(outcome).toBe('reply')
      break
    }
    expect(performance.now() - started).toBeLessThan(500)
    await sleep(100)
    expect(descriptors()).toBe(before)
  })

  it('rejects immediately with the reason of its signal, and leaves nothing open', async () => {
    await sleep(100)
    const before = descriptors()
    lab.fault('isp1', 'ip daddr 10.64.5.0/24 drop')
    const controller = new AbortController()
    const pending = collect(sweep('10.64.5.0/24', { signal: controller.signal }))
    await sleep(50)
    const aborted = performance.now()
    controller.abort(new Error('enough'))
    await expect(pending).rejects.toThrow('enough')
    expect(performance.now() - aborted).toBeLessThan(atOnce)
    await sleep(100)
    expect(descriptors()).toBe(before)
  })

  it('refuses wrong arguments by name', async () => {
    expect(() => sweep('10.0.0.0/24', { rate: -1 })).toThrow(/rate/)
    // @ts-expect-error no such option
    expect(() => sweep('10.0.0.0/24', { burst: 1 })).toThrow(/burst/)
    expect(() => sweep('10.0.0.0/40')).toThrow(/10\.0\.0\.0\/40/)
    await expect(collect(sweep(['::1'], { family: 4 }))).rejects.toThrow(/family 4/)
    await expect(collect(sweep('10.64.0.0/30', { device: 'nonesuch0' }))).rejects.toMatchObject({ code: 'ENODEV' })
  })

  describe('beside fping', () => {
    needs('fping', 'nft')
    it('finds the same hosts alive', async () => {
      lab.fault('isp1', 'ip daddr 10.64.6.0/25 drop')
      const alive = (await collect(sweep('10.64.6.0/24', { timeout: 500 })))
        .filter(result => result.alive)
        .map(({ address }) => address)
      const fping = lab.run('router', 'sh', '-c', 'fping -a -q -r 0 -t 500 -g 10.64.6.0/24 2>/dev/null || true')
      expect(alive.sort()).toEqual(fping.split('\n').filter(Boolean).sort())
      expect(alive).toHaveLength(127)
    })
  })
})
