import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Probe } from '../../src/monitor/checks/probe.js'
import { ProbeBudget } from '../../src/monitor/metered/probe-budget.js'
import type { Traffic } from '../../src/monitor/metered/traffic.js'
import { UplinkMonitor } from '../../src/monitor/monitor.js'
import type { MeteredOptions } from '../../src/monitor/options.js'
import type { StateEvent } from '../../src/monitor/record/event-types.js'
import type { Outcome } from '../../src/monitor/state/state-machine.js'
import { cases, type Line, randomNumbers } from '../lines/traces.js'
import { begin, runnersOf } from './monitor-world.js'

beforeEach(() => {
  vi.useFakeTimers({ now: begin })
})
afterEach(() => {
  vi.useRealTimers()
})

const host = '192.0.2.1'
/** The size of IPv4 header, ICMP header and payload. */
const pingBytes = 20 + 8 + 56
const [second, hour, day] = [1000, 3_600_000, 86_400_000]
const works: Traffic = { says: 'works' }
const stalled: Traffic = { says: 'stalled', rttMs: 50 }

/** A metered uplink on a line with this loss. Counts the bytes on the wire in both directions. */
function meteredLine(line: Line, metered: true | MeteredOptions = true, seed = 1) {
  const random = randomNumbers(seed)
  const wire = { sent: 0, bytes: 0, waited: [] as number[] }
  const states: (StateEvent & { after: number })[] = []
  const isLost = () => random() < line(Date.now() - begin)
  const probe: Probe = async (_check, _path, timeout, signal): Promise<Outcome> => {
    wire.sent++
    wire.bytes += pingBytes
    const [lost, error] = [isLost(), 'timeout']
    wire.waited.push(lost ? timeout : 20)
    await new Promise(resolve => {
      setTimeout(resolve, lost ? timeout : 20)
      signal.addEventListener('abort', resolve)
    })
    if (lost) return { ok: false, local: false, latencyMs: null, error, silent: true }
    wire.bytes += pingBytes
    return { ok: true, local: false, latencyMs: 20, error: null }
  }
  let tell: (device: string, traffic: Traffic) => void
  const monitor = new UplinkMonitor(
    { uplinks: [{ name: 'lte', device: 'wan2', checks: [{ type: 'ping', host }], metered }] },
    {
      makeRunner: runnersOf(probe),
      watchLinks: () => () => {},
      watchTraffic: (_devices, onTraffic) => {
        tell = onTraffic
        return () => {}
      },
    },
  )
  monitor.on('state', event => states.push({ ...event, after: event.at - begin }))
  const uplink = () => monitor.snapshot().uplinks[0]!
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
  return { monitor, uplink, wire, states, isLost, pass, tell: (traffic: Traffic) => tell('wan2', traffic) }
}

const perfect: Line = () => 0
const dead: Line = () => 1

describe('the quota', () => {
  test('of 15 MB a month is met by an idle line with a ping every 36 s', async () => {
    const { monitor, uplink, wire, pass } = meteredLine(perfect)
    monitor.start()
    await pass(day)
    expect(uplink()).toMatchObject({ state: 'up', metered: { evidence: 'probe', idleIntervalMs: 36_288 } })
    expect(30 * wire.bytes).toBeLessThanOrEqual(15_000_000)
    expect(wire.sent).toBeGreaterThan(day / 40_000)
    expect(uplink().metered!.spentBytes).toBe(wire.bytes)
    await monitor.stop()
  })

  test('is met by a dead line, and by one that traffic always makes suspect', async () => {
    const quota = 160 * 2 * pingBytes
    const lines = [meteredLine(dead, { quota, period: hour }), meteredLine(perfect, { quota, period: hour })]
    for (const { monitor } of lines) monitor.start()
    for (let at = 0; at < hour; at += second) {
      lines[1]!.tell(stalled)
      await lines[0]!.pass(second)
    }
    for (const { monitor, wire } of lines) {
      expect(wire.bytes).toBeLessThanOrEqual(quota)
      expect(wire.bytes).toBeGreaterThan(quota / 2)
      await monitor.stop()
    }
  })

  test('is never exceeded in any period, however often rounds run', () => {
    const [quota, period, roundBytes] = [200_000, hour, 168]
    const budget = new ProbeBudget({ quota, period, roundBytes }, 0)
    const spent: number[] = []
    for (let at = 0; at < 5 * hour; at += second) {
      const before = budget.wait(at) === 0 ? roundBytes : 0
      if (before > 0) budget.spend(roundBytes, at)
      spent.push((spent.at(-1) ?? 0) + before)
    }
    const ofPeriods = spent.map((sum, index) => sum - (spent[index - period / second] ?? 0))
    expect(Math.max(...ofPeriods)).toBeLessThanOrEqual(quota)
    expect(budget.spent(5 * hour)).toBe(0)
  })

  test('survives a restart and a change of options', async () => {
    const budget = new ProbeBudget({ quota: 200_000, period: hour, roundBytes: 168 }, 0)
    budget.spend(5000, second)
    const later = new ProbeBudget({ quota: 200_000, period: hour, roundBytes: 168 }, 50 * second)
    later.restore(budget.save(second), 50 * second)
    expect(later.spent(50 * second)).toBe(5000)
    expect(later.pace(50 * second)).toBeCloseTo(budget.pace(second))
    const { monitor, uplink, pass } = meteredLine(perfect)
    monitor.start()
    await pass(10 * second)
    const { spentBytes } = uplink().metered!
    expect(spentBytes).toBeGreaterThan(0)
    const changed = {
      name: 'lte',
      device: 'wan2',
      priority: 3,
      checks: [{ type: 'ping' as const, host }],
      metered: true,
    }
    const configured = monitor.configure({ uplinks: [changed] })
    await pass(0)
    await configured
    expect(uplink().metered!.spentBytes).toBe(spentBytes)
    await monitor.stop()
  })
})

describe('traffic', () => {
  test('that is acknowledged replaces all probes, and brings the uplink up', async () => {
    const { monitor, uplink, wire, pass, tell } = meteredLine(perfect)
    monitor.start()
    for (let i = 0; i < 50; i++) {
      await pass(100)
      tell(works)
    }
    expect(uplink()).toMatchObject({ state: 'up', metered: { evidence: 'traffic' } })
    const { sent } = wire
    for (let i = 0; i < 600; i++) {
      await pass(second)
      tell(works)
    }
    expect(wire.sent).toBe(sent)
    await monitor.stop()
  })

  test('that stalls takes the uplink down within a second, after three fast probes', async () => {
    let isDead = false
    const { monitor, wire, states, pass, tell } = meteredLine(() => Number(isDead))
    monitor.start()
    await pass(60 * second)
    tell(works)
    const { sent } = wire
    isDead = true
    await pass(400)
    tell(stalled)
    const suspected = Date.now() - begin
    await pass(5 * second)
    expect(states.at(-1)).toMatchObject({ from: 'up', to: 'down' })
    expect(states.at(-1)!.after - suspected).toBeLessThanOrEqual(1000)
    expect(wire.waited.slice(sent, sent + 3)).toEqual([250, 250, 250])
    await monitor.stop()
  })

  test('that stalls after a pause may wait for a radio, so probes have their usual timeout', async () => {
    let isDead = false
    const { monitor, wire, pass, tell, uplink } = meteredLine(() => Number(isDead))
    monitor.start()
    await pass(20 * second)
    const { sent } = wire
    isDead = true
    tell(stalled)
    await pass(1500)
    expect(wire.sent).toBe(sent + 1)
    isDead = false
    tell(works)
    await pass(5 * second)
    expect(uplink()).toMatchObject({ state: 'up', badRounds: 0 })
    await monitor.stop()
  })

  test('that is acknowledged between bad rounds keeps the uplink up, although the target is dead', async () => {
    let isDead = false
    const { monitor, states, pass, tell } = meteredLine(() => Number(isDead))
    monitor.start()
    await pass(20 * second)
    isDead = true
    tell(stalled)
    for (let i = 0; i < 100; i++) {
      await pass(200)
      tell(works)
    }
    expect(states.map(({ to }) => to)).not.toContain('down')
    await monitor.stop()
  })
})

/** A day with traffic every second. TCP stalls when it loses a packet and its retransmission. */
async function busyDay(line: Line, seed: number) {
  const one = meteredLine(line, true, seed)
  one.monitor.start()
  let next = 5 * second
  for (let at = 0; at < day; at += next) {
    const lost = one.isLost()
    one.tell(lost ? stalled : works)
    // The intervals between retransmissions double each time.
    next = lost ? (next < second ? 2 * next : 200) : 5 * second
    await one.pass(next)
  }
  await one.monitor.stop()
  return one
}

async function idleDay(line: Line, seed: number) {
  const one = meteredLine(line, true, seed)
  one.monitor.start()
  await one.pass(day)
  await one.monitor.stop()
  return one
}

describe('in 24 hours', () => {
  const lossy = cases.filter(({ name }) => ['1 % loss', '5 % loss', '10 % loss'].includes(name))
  const rows = lossy.flatMap(({ name, line }) => [
    { name: `an idle line with ${name}`, watch: idleDay, line },
    { name: `a busy line with ${name}`, watch: busyDay, line },
  ])

  test.each(rows)('$name is never down', async ({ watch, line }) => {
    const { states, wire, uplink } = await watch(line, 3)
    console.log(`${states.length} changes, ${uplink().state}, ${wire.sent} pings, ${wire.bytes} bytes`)
    expect(states.filter(({ to }) => to === 'down')).toEqual([])
    expect(wire.bytes).toBeLessThanOrEqual(15_000_000 / 20 + 15_000_000 / 30)
  })

  test('a line with one outage of 30 s is down exactly once, during the outage', async () => {
    const { line } = cases.find(({ name }) => name.includes('once'))!
    const downs = (await idleDay(line, 3)).states.filter(({ to }) => to === 'down')
    expect(downs.every(({ after }) => line(after) === 1)).toBe(true)
  })
})
