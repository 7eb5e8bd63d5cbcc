import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { UplinkGroup } from '../../src/group/group.js'
import type { UplinkMonitor } from '../../src/monitor/monitor.js'
import type { UplinkOptions } from '../../src/monitor/options.js'
import type { StateEvent } from '../../src/monitor/record/event-types.js'
import { bad, begin, ok, simulate, states, uplinks } from './monitor-world.js'

const [fibre, lte] = uplinks as [UplinkOptions, UplinkOptions]
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const of = (monitor: UplinkMonitor, name: string) => monitor.snapshot().uplinks.find(uplink => uplink.name === name)!

function heard(monitor: UplinkMonitor): StateEvent[] {
  const events: StateEvent[] = []
  monitor.on('state', event => events.push(event))
  return events
}

describe('an uplink forced into a state', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: begin })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  async function running(world = simulate()) {
    world.monitor.start()
    onTestFinished(async () => {
      vi.useRealTimers()
      await world.monitor.stop()
    })
    await pass(2500)
    expect(states(world.monitor)).toEqual({ fibre: 'up', lte: 'up' })
    return { ...world, events: heard(world.monitor) }
  }

  test('stays in it until its time is over, whatever its checks report; then they decide again', async () => {
    const { monitor, events } = await running()
    await monitor.force('fibre', 'down', { forMs: 60_000, why: 'maintenance' })
    const forced = { state: 'down', until: begin + 62_500, why: 'maintenance' }
    const down = {
      uplink: 'fibre',
      from: 'up',
      to: 'down',
      reason: 'forced down: maintenance',
      at: begin + 2500,
      forced,
    }
    expect(events).toEqual([down])
    await pass(59_000)
    const { state, since, reason, goodRounds, lossRatio } = of(monitor, 'fibre')
    expect({ state, since, reason }).toEqual({ state: 'down', since: begin + 2500, reason: 'forced down: maintenance' })
    // The checks continue, and their results are shown.
    expect(goodRounds).toBeGreaterThan(50)
    expect(lossRatio).toBe(0)
    expect(of(monitor, 'fibre').forced).toEqual(forced)
    await pass(1000)
    expect(events).toEqual([
      down,
      { uplink: 'fibre', from: 'down', to: 'up', reason: '3 good rounds in a row', at: begin + 62_500 },
    ])
    expect(of(monitor, 'fibre')).toMatchObject({ state: 'up', since: begin + 62_500, forced: null })
  })

  test('is up without a link, and auto shows its current state', async () => {
    const { monitor, events, link, says } = await running()
    await monitor.force('fibre', 'up')
    expect(events).toEqual([])
    expect(of(monitor, 'fibre').forced).toEqual({ state: 'up', until: null, why: null })
    says.wan1 = bad
    link('wan1', 'no carrier')
    await pass(5000)
    expect(of(monitor, 'fibre')).toMatchObject({ state: 'up', reason: 'forced up', linkFault: 'no carrier' })
    await monitor.force('fibre', 'auto')
    expect(events).toMatchObject([{ from: 'up', to: 'down', reason: 'no carrier' }])
    expect(events[0]).not.toHaveProperty('forced')
  })

  test('the last one counts, with its own time', async () => {
    const { monitor } = await running()
    await monitor.force('fibre', 'down', { forMs: 1000 })
    await monitor.force('fibre', 'down', { forMs: 10_000 })
    await pass(5000)
    expect(states(monitor)).toMatchObject({ fibre: 'down' })
    await pass(5000)
    expect(states(monitor)).toMatchObject({ fibre: 'up' })
  })

  test('takes no new connections, even as the least bad one', async () => {
    const { monitor, link } = await running()
    const group = new UplinkGroup(monitor, { policy: 'failover', whenAllDown: 'least-bad' })
    await monitor.force('fibre', 'down')
    expect(group.pick().name).toBe('lte')
    link('wan2', 'no carrier')
    expect(group.pick().name).toBe('lte')
    await monitor.force('lte', 'down')
    expect(() => group.pick()).toThrow(/no uplink works: fibre \(forced down\), lte \(forced down\)/)
    await monitor.force('fibre', 'up')
    expect(group.pick().name).toBe('fibre')
  })

  test('stays forced across a change of options, even with another path, and ends on time', async () => {
    const { monitor, events, says } = await running()
    says.wan3 = ok
    await monitor.force('fibre', 'down', { forMs: 10_000, why: 'maintenance' })
    await monitor.configure({ uplinks: [{ ...fibre, device: 'wan3' }, lte] })
    expect(of(monitor, 'fibre')).toMatchObject({ state: 'down', since: begin + 2500, forced: { why: 'maintenance' } })
    events.length = 0
    await pass(10_000)
    expect(of(monitor, 'fibre').forced).toBeNull()
    expect(events).toMatchObject([{ uplink: 'fibre', from: 'down' }])
  })

  test('is forgotten with its uplink', async () => {
    const { monitor, events } = await running()
    await monitor.force('fibre', 'down', { forMs: 1000 })
    events.length = 0
    await monitor.configure({ uplinks: [lte] })
    await pass(2000)
    expect(events).toEqual([])
    await monitor.configure({ uplinks })
    expect(of(monitor, 'fibre').forced).toBeNull()
  })

  test('does not change its duration if the clock is set', async () => {
    const { monitor } = await running()
    await monitor.force('fibre', 'down', { forMs: 60_000 })
    const at = begin + 86_400_000
    vi.setSystemTime(at)
    expect(of(monitor, 'fibre').forced!.until).toBe(at + 60_000)
    await pass(59_000)
    expect(states(monitor)).toMatchObject({ fibre: 'down' })
    await pass(1000)
    expect(states(monitor)).toMatchObject({ fibre: 'up' })
  })

  test.each<[unknown[], RegExp]>([
    [['radio', 'down'], /^force: name must be that of an uplink \(fibre, lte\); got "radio"$/],
    [['fibre', 'degraded'], /^force: state must be/],
    [['fibre', 'down', { forMs: 0 }], /forMs must be/],
    [['fibre', 'down', { forMs: 2 ** 31 }], /forMs must be/],
    [['fibre', 'down', { why: 'x'.repeat(201) }], /why must be 200 characters or fewer/],
    [['fibre', 'auto', { forMs: 1000 }], /unknown option "forMs"/],
    [['fibre', 'down', { for: 1000 }], /unknown option "for"/],
  ])('%j is refused', async (args, message) => {
    const { monitor } = simulate()
    const force = monitor.force.bind(monitor) as (...args: unknown[]) => Promise<void>
    await expect(force(...args)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringMatching(message),
    })
    expect(of(monitor, 'fibre').forced).toBeNull()
  })
})

describe('across a restart', () => {
  const minute = 60_000

  function stateFile(): string {
    const folder = mkdtempSync(join(tmpdir(), 'netvia-force-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    return join(folder, 'state.json')
  }

  /** Makes a state file `ms` older. */
  function age(file: string, ms: number): void {
    const { savedAt, forces, ...rest } = JSON.parse(readFileSync(file, 'utf8'))
    for (const force of Object.values<{ since: number; until: number | null }>(forces)) {
      force.since -= ms
      if (force.until !== null) force.until -= ms
    }
    writeFileSync(file, JSON.stringify({ ...rest, savedAt: savedAt - ms, forces }))
  }

  test('a force lasts its whole time, even if states are too old to count', async () => {
    const file = stateFile()
    const { monitor, create } = simulate({ stateFile: file })
    await monitor.force('fibre', 'down', { forMs: 60 * minute, why: 'maintenance' })
    await monitor.force('lte', 'up')
    const { forced, since } = of(monitor, 'fibre')
    age(file, 20 * minute)
    const next = create()
    expect(of(next, 'fibre')).toMatchObject({ state: 'down', reason: 'forced down: maintenance' })
    expect(Math.abs(of(next, 'fibre').forced!.until! - forced!.until! + 20 * minute)).toBeLessThan(5)
    expect(Math.abs(of(next, 'fibre').since - since + 20 * minute)).toBeLessThan(5)
    expect(of(next, 'lte').forced).toEqual({ state: 'up', until: null, why: null })
    age(file, 41 * minute)
    const last = create()
    expect(of(last, 'fibre')).toMatchObject({ state: 'unknown', forced: null })
    expect(of(last, 'lte').forced).not.toBeNull()
  })

  test('a force ends after its remaining time, and auto removes it from the file', async () => {
    const file = stateFile()
    const { monitor, create } = simulate({ stateFile: file })
    await monitor.force('fibre', 'down', { forMs: 20 * minute })
    await monitor.force('lte', 'down')
    age(file, 19 * minute)
    vi.useFakeTimers({ now: Date.now() })
    onTestFinished(() => void vi.useRealTimers())
    const next = create()
    expect(states(next)).toEqual({ fibre: 'down', lte: 'down' })
    // A part of the last minute has already passed.
    await pass(minute)
    expect(states(next)).toEqual({ fibre: 'unknown', lte: 'down' })
    vi.useRealTimers()
    await next.force('lte', 'auto')
    expect(JSON.parse(readFileSync(file, 'utf8')).forces).toEqual({})
  })

  test('a clock behind the file does not extend it', async () => {
    const file = stateFile()
    const { monitor, create } = simulate({ stateFile: file })
    await monitor.force('fibre', 'down', { forMs: minute })
    age(file, -365 * 24 * 60 * minute)
    const { until } = of(create(), 'fibre').forced!
    expect(until! - Date.now()).toBeLessThanOrEqual(minute + 5)
  })

  test('a damaged force is reported, like the rest of the file', async () => {
    const file = stateFile()
    const { monitor, create } = simulate({ stateFile: file })
    await monitor.force('fibre', 'down')
    writeFileSync(file, readFileSync(file, 'utf8').replace('"until":null', '"until":"never"'))
    const next = create()
    const warnings: string[] = []
    next.on('warning', ({ message }) => warnings.push(message))
    await vi.waitFor(() => expect(warnings).toEqual([expect.stringMatching(/damaged at uplink "fibre"/)]))
    expect(of(next, 'fibre').forced).toBeNull()
  })
})
