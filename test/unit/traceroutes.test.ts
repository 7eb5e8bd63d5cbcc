import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { queryObjects } from 'node:v8'
import { describe, expect, it } from 'vitest'
import { NetviaError } from '../../src/errors.js'
import type { PingResult } from '../../src/protocols/icmp/result.js'
import type { TraceProbe } from '../../src/protocols/traceroute/prober.js'
import { Round } from '../../src/protocols/traceroute/round.js'
import { RouteRecord } from '../../src/protocols/traceroute/route-statistics.js'
import { traceroutes } from '../../src/protocols/traceroute/traceroutes.js'
import { openSockets } from './open-sockets.js'
import { requires } from './requirements.js'

const target = '192.0.2.9'
const noName = () => undefined
let sequence = 0

function result(outcome: PingResult['outcome'], from?: string, rttMs?: number): PingResult {
  return { outcome, from, rttMs, sequence: sequence++, address: target, family: 4 } as PingResult
}

/** A record with these RTTs in ms for each hop. undefined is a loss. */
function record(...hops: (number | undefined)[][]): RouteRecord {
  const record = new RouteRecord({ firstHop: 1, maxHops: 30 })
  for (const [index, times] of hops.entries()) {
    const isLast = index === hops.length - 1
    const from = isLast ? target : `192.0.2.${index + 1}`
    for (const time of times) {
      const answered = isLast ? 'reply' : 'ttl-exceeded'
      record.add(index + 1, time === undefined ? result('timeout') : result(answered, from, time))
    }
  }
  return record
}

/** Ten probes, of which `count` are lost. */
const lost = (count: number) => Array.from({ length: 10 }, (_, index) => (index < 10 - count ? 5 : undefined))

describe('the statistics of a hop', () => {
  it('match a manual calculation', () => {
    const [hop] = record([2, 4, undefined, 9], [1]).statistics(noName)
    expect(hop).toMatchObject({
      ...{ ttl: 1, address: '192.0.2.1', addresses: ['192.0.2.1'], reached: false },
      ...{ sent: 4, unsent: 0, received: 3, lossRatio: 0.25, lastMs: 9, avgMs: 5, bestMs: 2, worstMs: 9 },
      // The differences are 2 and 5. The squared deviations from 5 are 9 + 1 + 16.
      jitterMs: 3.5,
    })
    expect(hop!.stddevMs).toBeCloseTo(Math.sqrt(26 / 3), 12)
  })

  it('exclude probes that this machine did not send', () => {
    const one = record([1], [1])
    one.add(1, result('send-failed'))
    expect(one.statistics(noName)[0]).toMatchObject({ sent: 1, unsent: 1, lossRatio: 0 })
  })

  it('name the host that answered last, and keep all hosts', () => {
    const one = record([1], [1])
    one.add(1, result('ttl-exceeded', '198.51.100.1', 1))
    const [hop] = one.statistics(address => `name of ${address}`)
    expect(hop).toMatchObject({
      address: '198.51.100.1',
      name: 'name of 198.51.100.1',
      addresses: ['192.0.2.1', '198.51.100.1'],
    })
  })
})

describe('loss', () => {
  const marked = (...losses: number[]) =>
    record(...losses.map(lost))
      .statistics(noName)
      .map(({ lossContinues }) => lossContinues)

  it.each([
    ['of a router that limits its answers', [0, 3, 0], [false, false, false]],
    ['that begins at a hop and continues', [0, 3, 2, 4], [false, true, true, true]],
    ['of the target alone', [0, 0, 1], [false, false, true]],
    ['of a limited router and less at the target', [0, 3, 1], [false, false, true]],
    ['followed by a silent router', [3, 10, 3], [true, false, true]],
    ['that is zero', [0, 0], [false, false]],
  ])('%s', (_what, losses, expected) => {
    expect(marked(...losses)).toEqual(expected)
  })
})

describe('a local error', () => {
  it('is that of the newest probe', () => {
    const one = record([1], [1])
    const error = new NetviaError('no such device', { code: 'ENODEV' })
    one.add(1, { ...result('send-failed'), error } as PingResult)
    expect(one.error).toBe(error)
    one.add(1, result('timeout'))
    expect(one.error).toBe(undefined)
  })
})

describe('pauses', () => {
  // In a process of its own: the fault stops the event loop.
  it('that follow each other immediately leave the event loop free', () => {
    const library = fileURLToPath(new URL('../../dist/index.cjs', import.meta.url))
    const script = `
      const series = require(${JSON.stringify(library)}).traceroutes('127.0.0.1', { method: 'udp' })
      series.next().then(() => {
        series.pause()
        series.resume()
        series.pause()
        setTimeout(() => series.return().then(() => console.log('ended')), 50)
      })`
    const { stdout } = spawnSync(process.execPath, ['-e', script], { timeout: 15_000, encoding: 'utf8' })
    expect(stdout).toBe('ended\n')
  }, 20_000)
})

// In a process of its own: the fault keeps it alive.
it('the end of a series that waits for an answer leaves no timer', () => {
  const library = fileURLToPath(new URL('../../dist/index.cjs', import.meta.url))
  const script = `
    const silent = require('node:dgram').createSocket('udp4').bind(0, '127.0.0.1', () => {
      const options = { method: 'udp', port: silent.address().port, interval: 3_600_000, timeout: 3_600_000 }
      const series = require(${JSON.stringify(library)}).traceroutes('127.0.0.1', options)
      series.next()
      silent.once('message', () => {
        silent.close()
        series.return()
      })
    })`
  expect(spawnSync(process.execPath, ['-e', script], { timeout: 60_000 }).status).toBe(0)
})

describe('the length of a path', () => {
  it('ends with the target, follows changes, and extends five hops beyond silence', () => {
    const one = new RouteRecord({ firstHop: 1, maxHops: 30 })
    expect([one.last, one.depth, one.reached]).toEqual([5, 0, false])
    one.add(1, result('timeout'))
    expect(one.depth).toBe(1)
    one.add(3, result('ttl-exceeded', '192.0.2.3', 1))
    expect([one.last, one.depth]).toEqual([8, 3])
    one.add(5, result('reply', target, 1))
    one.add(4, result('reply', target, 1))
    expect([one.last, one.depth, one.reached]).toEqual([4, 4, true])
    one.add(4, result('ttl-exceeded', '192.0.2.4', 1))
    expect(one.last).toBe(10)
    one.add(6, result('unreachable', '192.0.2.6', 1))
    expect([one.last, one.reached]).toEqual([6, false])
  })

  it('is looked for again behind an end that no longer answers', () => {
    const one = record([1])
    one.add(1, result('ttl-exceeded', '192.0.2.1', 1))
    // A router without a route: it answers in place of the next hop.
    one.add(2, result('unreachable', '192.0.2.1', 1))
    for (let i = 0; i < 9; i++) one.add(2, result('timeout'))
    expect(one.last).toBe(2)
    one.add(2, result('timeout'))
    expect([one.last, one.depth, one.reached]).toEqual([7, 2, false])
    one.add(4, result('reply', target, 1))
    one.add(3, result('reply', target, 1))
    expect([one.last, one.depth, one.reached]).toEqual([3, 3, true])
    for (let i = 0; i < 10; i++) one.add(3, result('timeout'))
    expect([one.depth, one.reached]).toEqual([3, true])
    one.add(3, result('reply', target, 1))
    expect(one.last).toBe(3)
  })

  it('stays, on a lossy line, through as many losses as are likely there', () => {
    const one = record([1], [1, undefined, undefined, 1, undefined, undefined, 1])
    // Of a line that loses 4 of 7: in a row, it rarely loses 13.
    for (let i = 0; i < 12; i++) one.add(2, result('timeout'))
    expect(one.last).toBe(2)
    one.add(2, result('timeout'))
    expect(one.last).toBe(7)
    one.add(3, result('reply', target, 1))
    expect([one.last, one.depth]).toEqual([3, 3])
  })

  it('is not changed by losses that become known after later answers', () => {
    const one = record([1], [1])
    const probes = Array.from({ length: 20 }, () => result('timeout'))
    one.add(2, result('reply', target, 1))
    for (const probe of probes) one.add(2, probe)
    expect(one.last).toBe(2)
  })

  it('survives a reset of the figures', () => {
    const one = record([1], [1])
    one.reset()
    expect(one.last).toBe(2)
    expect(one.statistics(noName).map(({ sent }) => sent)).toEqual([0, 0])
  })
})

describe('a round', () => {
  it('has a limited number of probes in flight, and drops those beyond the end', () => {
    const sent: number[] = []
    const cancelled: number[] = []
    const answers = new Map<number, (outcome: PingResult['outcome']) => void>()
    let ended = 0
    new Round(
      {
        firstHop: 1,
        last: () => 9,
        atOnce: 4,
        send(ttl, settled) {
          sent.push(ttl)
          answers.set(ttl, outcome => settled({ outcome } as TraceProbe))
          return () => void cancelled.push(ttl)
        },
        settled: (_ttl, { outcome }) => result(outcome!, outcome === 'timeout' ? undefined : '192.0.2.1', 1),
      },
      () => ended++,
    )
    expect(sent).toEqual([1, 2, 3, 4])
    answers.get(2)!('timeout')
    expect(sent).toEqual([1, 2, 3, 4, 5])
    answers.get(3)!('reply')
    expect({ sent, cancelled, ended }).toEqual({ sent: [1, 2, 3, 4, 5], cancelled: [4, 5], ended: 0 })
    answers.get(1)!('ttl-exceeded')
    expect(ended).toBe(1)
  })
})

describe.each(['127.0.0.1', '::1'])('traceroutes on loopback, %s', host => {
  it.for(['icmp', 'udp', 'tcp'] as const)('by %s counts rounds, and leaves nothing open', async (method, context) => {
    if (method === 'icmp') requires(context, 'ping')
    const before = await openSockets()
    const series = traceroutes(host, { method, count: 3, interval: 20 })
    const rounds: number[] = []
    for await (const route of series) rounds.push(route.rounds)
    expect(rounds.at(-1)).toBe(3)
    expect(series.statistics).toMatchObject({
      host,
      reached: true,
      hops: [{ ttl: 1, sent: 3, received: 3, lossRatio: 0 }],
    })
    expect(await openSockets()).toBe(before)
  })
})

it('pauses, resumes, resets and returns', async () => {
  const before = await openSockets()
  const series = traceroutes('127.0.0.1', { method: 'udp', interval: 10_000 })
  expect((await series.next()).value).toMatchObject({ rounds: 1 })
  series.pause()
  series.resume()
  expect((await series.next()).value).toMatchObject({ rounds: 2, hops: [{ sent: 2 }] })
  series.reset()
  expect(series.statistics).toMatchObject({ rounds: 0, hops: [{ sent: 0 }] })
  expect(await series.return()).toEqual({ done: true, value: undefined })
  expect(await openSockets()).toBe(before)
})

it('no round leaves anything behind', async () => {
  const series = traceroutes('127.0.0.1', { method: 'udp', interval: 10 })
  const promisesAfter = async (rounds: number) => {
    for (let i = 0; i < rounds; i++) await series.next()
    return Number(queryObjects(Promise))
  }
  const before = await promisesAfter(10)
  expect((await promisesAfter(100)) - before).toBeLessThan(50)
  await series.return()
})

it('each flow has its own source port', async () => {
  const { value } = await traceroutes('127.0.0.1', { method: 'udp', flows: 3, count: 1 }).next()
  expect(new Set(value!.flows!.map(({ sourcePort }) => sourcePort)).size).toBe(3)
  expect(value!.hops).toMatchObject([{ sent: 3 }])
})
