import { setMaxListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Probe } from '../../src/monitor/checks/probe.js'
import type { CheckEvent, StateEvent } from '../../src/monitor/record/event-types.js'
import { RoundLoop } from '../../src/monitor/round-loop.js'
import { settingsOf } from '../../src/monitor/settings.js'
import { WatchedUplink } from '../../src/monitor/watched-uplink.js'
import { runnersOf } from './monitor-world.js'

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000_000_000 })
})
afterEach(() => {
  vi.useRealTimers()
})

const wait = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))

describe('rounds', () => {
  function loopOf(options: { checks?: number; spread?: number; takes?: number; next?: number } = {}) {
    const { checks = 1, spread = 0, takes = 5, next = 100 } = options
    const started: { index: number; at: number }[] = []
    const rounds: number[][] = []
    let running = 0
    let most = 0
    let controller = new AbortController()
    setMaxListeners(0, controller.signal)
    const loop: RoundLoop<number> = new RoundLoop<number>({
      checks,
      spread,
      run: index => void run(index, controller.signal).then(result => loop.record(index, result)),
      cancel: () => {
        controller.abort()
        controller = new AbortController()
      },
      done: results => {
        rounds.push([...results])
        return next
      },
    })
    const run = async (index: number, signal: AbortSignal) => {
      started.push({ index, at: performance.now() - begin })
      most = Math.max(most, ++running)
      await new Promise<void>(resolve => {
        const end = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', end)
          resolve()
        }
        const timer = setTimeout(end, takes)
        signal.addEventListener('abort', end)
      })
      running--
      return index
    }
    const begin = performance.now()
    return { loop, started, rounds, running: () => running, most: () => most }
  }

  test('do not continue if a listener stops them on a result', async () => {
    let runs = 0
    const loop: RoundLoop<number> = new RoundLoop<number>({
      ...{ checks: 1, spread: 0, cancel: () => {} },
      run: index => {
        runs++
        queueMicrotask(() => loop.record(index, 1))
      },
      done: () => {
        void loop.stop()
        return 100
      },
    })
    loop.start(0)
    await vi.advanceTimersByTimeAsync(1000)
    expect(runs).toBe(1)
  })

  test('start at a fixed cadence, however long the checks take', async () => {
    const { loop, started } = loopOf({ takes: 37 })
    loop.start(20)
    await vi.advanceTimersByTimeAsync(1000)
    expect(started.map(({ at }) => at)).toEqual([20, 120, 220, 320, 420, 520, 620, 720, 820, 920])
    await stopped(loop)
  })

  test('never overlap: a round that takes longer than the interval delays the next', async () => {
    const { loop, started, most } = loopOf({ takes: 250 })
    loop.start(0)
    await vi.advanceTimersByTimeAsync(1000)
    // Node's timers take at least 1 ms.
    expect(started.map(({ at }) => at)).toEqual([0, 251, 502, 753])
    expect(most()).toBe(1)
    await stopped(loop)
  })

  test('spread the starts of many checks', async () => {
    const { loop, started, rounds } = loopOf({ checks: 1000, spread: 500, next: 1000 })
    loop.start(0)
    await vi.advanceTimersByTimeAsync(999)
    expect(started).toHaveLength(1000)
    for (let at = 0; at <= 500; at += 10) expect(started.filter(start => start.at === at).length).toBeLessThan(21)
    expect(started.at(-1)!.at).toBe(500)
    expect(rounds[0]).toEqual(Array.from({ length: 1000 }, (_, index) => index))
    await stopped(loop)
  })

  test('end immediately on stop, without a verdict', async () => {
    const { loop, rounds, running } = loopOf({ checks: 3, spread: 100, takes: 500 })
    loop.start(0)
    await vi.advanceTimersByTimeAsync(15)
    expect(running()).toBe(2)
    await stopped(loop)
    expect(running()).toBe(0)
    expect(rounds).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('a new start ends the previous run first', async () => {
    const { loop, started, most } = loopOf({ takes: 50 })
    loop.start(0)
    await vi.advanceTimersByTimeAsync(20)
    loop.start(0)
    loop.start(5)
    await vi.advanceTimersByTimeAsync(20)
    expect(started.map(({ at }) => at)).toEqual([0, 30])
    expect(most()).toBe(1)
    await stopped(loop)
  })

  test('many loops share ticks of a tenth of the interval, and a few start at their own times', async () => {
    const starts = async (loops: number) => {
      const all = Array.from({ length: loops }, () => loopOf({ next: 1000 }))
      for (const [index, { loop }] of all.entries()) loop.start(index * 30)
      await vi.advanceTimersByTimeAsync(4000)
      for (const { loop } of all) await stopped(loop)
      return all.map(({ started }) => started.map(({ at }) => at))
    }
    const begin = performance.now()
    const few = await starts(16)
    expect(few[1]).toEqual([30, 1030, 2030, 3030])
    const many = await starts(20)
    const later = many.flatMap(times => times.slice(1)).map(at => (begin + 4000 + at) % 100)
    expect(new Set(later)).toEqual(new Set([0]))
    for (const [index, times] of many.entries())
      for (const [round, at] of times.entries()) {
        expect(at).toBeGreaterThanOrEqual(index * 30 + round * 1000)
        expect(at).toBeLessThan(index * 30 + round * 1000 + 100)
      }
  })

  async function stopped(loop: RoundLoop<number>) {
    const done = loop.stop()
    await vi.advanceTimersByTimeAsync(0)
    await done
  }
})

describe('one uplink', () => {
  const ok = { ok: true, local: false, latencyMs: 12.5, error: null } as const
  const bad = { ok: false, local: false, latencyMs: null, error: 'timeout' } as const

  function watch(probe: Probe, changed = {}) {
    const settings = settingsOf({
      interval: 1000,
      failureInterval: 200,
      recoveryInterval: 500,
      uplinks: [{ name: 'fibre', device: 'wan1', checks: [{ type: 'ping', host: '192.0.2.1' }] }],
      ...changed,
    })
    const states: StateEvent[] = []
    const checks: CheckEvent[] = []
    const listener = {
      state: (event: StateEvent) => states.push(event),
      check: (event: CheckEvent) => checks.push(event),
    }
    const watched = new WatchedUplink(settings.uplinks[0]!, settings.rounds, runnersOf(probe), listener as never)
    const begin = Date.now()
    return { watched, states, checks, starts: () => checks.map(({ at }) => at - begin) }
  }

  test('passes path, timeout and signal to checks, and reports', async () => {
    const probe = vi.fn<Probe>(async () => ok)
    const { watched, checks } = watch(probe)
    watched.start(0)
    await vi.advanceTimersByTimeAsync(0)
    expect(probe).toHaveBeenCalledWith(
      { type: 'ping', host: '192.0.2.1' },
      { device: 'wan1' },
      2000,
      expect.any(AbortSignal),
    )
    expect(checks).toEqual([
      { uplink: 'fibre', check: 0, type: 'ping', target: '192.0.2.1', ...ok, at: 1_000_000_000_000 },
    ])
    expect(watched.snapshot()).toMatchObject({
      name: 'fibre',
      device: 'wan1',
      state: 'unknown',
      lossRatio: 0,
      latencyMs: 12.5,
      checks,
    })
    await watched.stop()
  })

  test('is checked more often while it fails, and while it recovers', async () => {
    let result: typeof ok | typeof bad = ok
    const { watched, starts, states } = watch(async () => result)
    watched.start(0)
    await vi.advanceTimersByTimeAsync(2000)
    expect(starts()).toEqual([0, 500, 1000, 2000])
    result = bad
    await vi.advanceTimersByTimeAsync(3500)
    expect(starts().slice(4)).toEqual([3000, 3200, 3400, 4400, 5400])
    result = ok
    await vi.advanceTimersByTimeAsync(3000)
    expect(starts().slice(9)).toEqual([6400, 6900, 7400, 8400])
    expect(states.map(({ from, to, at }) => [from, to, at - 1_000_000_000_000])).toEqual([
      ['unknown', 'up', 1000],
      ['up', 'down', 3400],
      ['down', 'degraded', 7400],
    ])
    expect(states[1]!.reason).toBe('3 bad rounds in a row: ping 192.0.2.1: timeout')
    await watched.stop()
  })

  test('ends its rounds immediately when the link is lost, and restarts them when it is back', async () => {
    const probe = vi.fn<Probe>(async (_check, _path, _timeout, signal) => {
      await Promise.race([wait(300), new Promise(resolve => signal.addEventListener('abort', resolve))])
      return ok
    })
    const { watched, states, checks } = watch(probe)
    watched.start(0)
    await vi.advanceTimersByTimeAsync(100)
    watched.link({ fault: 'no carrier', lost: [] })
    expect(states).toEqual([
      { uplink: 'fibre', from: 'unknown', to: 'down', reason: 'no carrier', at: 1_000_000_000_100 },
    ])
    await vi.advanceTimersByTimeAsync(10_000)
    expect(probe).toHaveBeenCalledTimes(1)
    expect(checks).toEqual([])
    watched.link({ fault: null, lost: [] })
    await vi.advanceTimersByTimeAsync(0)
    expect(probe).toHaveBeenCalledTimes(2)
    expect(states).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1300)
    expect(states[1]).toMatchObject({ from: 'down', to: 'up' })
    await watched.stop()
  })

  test('keeps durations correct when the clock is set', async () => {
    const { watched, states } = watch(async () => ok)
    watched.start(0)
    await vi.advanceTimersByTimeAsync(5000)
    const { at } = states[0]!
    expect(watched.snapshot()).toMatchObject({ since: at, checks: [{ at: 1_000_000_005_000 }] })
    // A router without a battery gets the correct time, half a century later.
    const step = 1_500_000_000_000
    vi.setSystemTime(Date.now() + step)
    const { since, checks } = watched.snapshot()
    expect(since).toBe(at + step)
    expect(checks[0]!.at).toBe(1_000_000_005_000 + step)
    expect(watched.save().since).toBe(at + step)
    vi.setSystemTime(Date.now() - 3_600_000)
    expect(watched.snapshot().since).toBe(at + step - 3_600_000)
    await watched.stop()
  })

  test('keeps state and since across a restart', () => {
    const { watched } = watch(async () => ok)
    watched.link({ fault: 'no carrier', lost: [] })
    const saved = watched.save()
    vi.advanceTimersByTime(5000)
    const next = watch(async () => ok).watched
    next.restore(JSON.parse(JSON.stringify(saved)))
    expect(next.snapshot()).toMatchObject({ state: 'down', since: 1_000_000_000_000, reason: 'no carrier' })
  })
})
