import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultDamping } from '../../src/monitor/state/damping.js'
import type { Limits } from '../../src/monitor/state/quality.js'
import { Quorum, type Role } from '../../src/monitor/state/quorum.js'
import { type Change, type Outcome, StateMachine, type Thresholds } from '../../src/monitor/state/state-machine.js'
import { randomNumbers } from '../lines/traces.js'

const thresholds: Thresholds & Limits = {
  down: 3,
  up: 3,
  window: 60_000,
  loss: { enter: 0.2, leave: 0.05 },
  latencyMs: { enter: 500, leave: 250 },
  minimumTime: 0,
  damping: defaultDamping,
}

interface Setup extends Partial<Thresholds & Limits> {
  reliability?: number
  checks?: number
  roles?: Partial<Role>[]
  /** The own limits of each check. */
  own?: Partial<Limits>[]
  quorum?: Record<string, number>
}

const ok = (latencyMs = 10): Outcome => ({ ok: true, local: false, latencyMs, error: null })
const lost: Outcome = { ok: false, local: false, latencyMs: null, error: 'timeout', silent: true }
const local: Outcome = { ok: false, local: true, latencyMs: null, error: 'ENETUNREACH' }

/** A state machine with one round per second, from time 1000. */
class Run {
  readonly machine: StateMachine
  readonly changes: Change[] = []
  now = 0

  constructor({ reliability = 1, checks = 1, roles = [], own = [], quorum = {}, ...changed }: Setup = {}) {
    const { loss, latencyMs, ...rest } = { ...thresholds, ...changed }
    const judged = Array.from({ length: checks }, (_, n) => {
      return { label: `ping 192.0.2.${n + 1}`, target: `192.0.2.${n + 1}`, loss, latencyMs, ...own[n] }
    })
    const all = judged.map((_, n) => ({ required: false, group: undefined, ...roles[n] }))
    this.machine = new StateMachine(rest, judged, new Quorum(all, reliability, new Map(Object.entries(quorum))), 0)
  }

  rounds(count: number, ...outcomes: Outcome[]): this {
    for (let i = 0; i < count; i++) this.round(...outcomes)
    return this
  }

  round(...outcomes: Outcome[]): this {
    this.now += 1000
    this.#note(this.machine.round(outcomes, this.now))
    return this
  }

  link(fault: string | null): this {
    this.#note(this.machine.link(fault, this.now))
    return this
  }

  get state() {
    return this.machine.state
  }

  get facts() {
    return this.machine.facts(this.now)
  }

  get trail() {
    return this.changes.map(({ to }) => to)
  }

  #note(change: Change | undefined) {
    if (change) this.changes.push(change)
  }
}

describe('evidence', () => {
  test('is unknown until enough rounds in a row agree', () => {
    expect(new Run().rounds(2, ok()).state).toBe('unknown')
    expect(new Run().rounds(3, ok()).state).toBe('up')
    expect(new Run().rounds(2, lost).state).toBe('unknown')
    expect(new Run().rounds(3, lost).state).toBe('down')
  })

  test('claims nothing before any evidence', () => {
    expect(new Run().facts).toMatchObject({ state: 'unknown', lossRatio: null, latencyMs: null, linkFault: null })
  })

  test('one success or one failure changes nothing', () => {
    const run = new Run().rounds(3, ok()).rounds(3, lost)
    for (let i = 0; i < 20; i++) run.rounds(2, ok()).rounds(1, lost)
    expect(run.trail).toEqual(['up', 'down'])
    expect(new Run().rounds(30, ok()).rounds(2, lost).rounds(1, ok()).trail).toEqual(['up'])
  })

  test('the quorum decides which round is good', () => {
    expect(new Run({ checks: 3, reliability: 2 }).rounds(3, ok(), lost, lost).state).toBe('down')
    expect(new Run({ checks: 3, reliability: 2 }).rounds(3, ok(), ok(), lost).state).toBe('up')
  })

  test('an uplink that neither passes nor fails in a row is degraded after a window', () => {
    const run = new Run()
    for (let i = 0; i < 31; i++) run.rounds(1, ok()).rounds(1, lost)
    expect(run.trail).toEqual(['degraded'])
    expect(run.changes[0]!.at).toBe(61_000)
  })

  test('has a reason', () => {
    const run = new Run().rounds(3, ok()).rounds(3, lost)
    expect(run.changes.map(({ reason }) => reason)).toEqual([
      '3 good rounds in a row',
      '3 bad rounds in a row: ping 192.0.2.1: timeout',
    ])
  })
})

describe('loss and latency', () => {
  test('latency without an answer is null, not 0', () => {
    expect(new Run().rounds(5, lost).facts).toMatchObject({ lossRatio: 1, latencyMs: null })
  })

  test('local failures count neither as loss nor as evidence of health', () => {
    const run = new Run().rounds(3, ok()).rounds(3, local)
    expect(run.facts).toMatchObject({ state: 'down', lossRatio: 0, latencyMs: 10 })
    expect(new Run().rounds(10, local).facts).toMatchObject({ state: 'down', lossRatio: null })
  })

  test('loss above the limit degrades, and only loss below the lower limit heals', () => {
    const run = new Run().rounds(60, ok())
    for (let i = 0; i < 20; i++) run.rounds(1, lost).rounds(2, ok())
    expect(run.trail).toEqual(['up', 'degraded'])
    expect(run.changes[1]!.reason).toBe('loss 20 % of ping 192.0.2.1 over 60 s, limit 20 %')
    // 10 % loss is between the limits, so nothing changes, however long it lasts.
    for (let i = 0; i < 100; i++) run.rounds(1, lost).rounds(9, ok())
    expect(run.trail).toEqual(['up', 'degraded'])
    run.rounds(70, ok())
    expect(run.trail).toEqual(['up', 'degraded', 'up'])
  })

  test('so does latency', () => {
    const run = new Run().rounds(60, ok(40)).rounds(120, ok(600))
    expect(run.trail).toEqual(['up', 'degraded'])
    expect(run.changes[1]!.reason).toMatch(/^latency 5\d\d ms of ping 192.0.2.1 over 60 s, limit 500 ms$/)
    expect(run.rounds(300, ok(300)).trail).toEqual(['up', 'degraded'])
    expect(run.rounds(60, ok(40)).trail).toEqual(['up', 'degraded', 'up'])
  })

  test('one lost check among the first few is not yet a loss rate', () => {
    expect(new Run().rounds(3, ok()).rounds(1, lost).state).toBe('up')
    expect(new Run().rounds(3, ok()).rounds(2, lost).state).toBe('up')
    expect(new Run().rounds(3, ok()).rounds(2, lost).rounds(1, ok()).state).toBe('degraded')
  })

  test('after an outage only new loss counts, but it takes enough answers to be up', () => {
    const run = new Run().rounds(10, ok()).rounds(30, lost).rounds(3, ok())
    expect(run.trail).toEqual(['up', 'down', 'degraded'])
    expect(run.facts.lossRatio).toBe(0)
    expect(run.changes[2]!.reason).toBe('ping 192.0.2.1 must answer 38 more times to rule out a loss of 20 %')
    expect(run.rounds(37, ok()).state).toBe('degraded')
    expect(run.rounds(1, ok()).trail).toEqual(['up', 'down', 'degraded', 'up'])
  })

  test('successes before a short outage count', () => {
    const run = new Run().rounds(100, ok()).rounds(3, lost)
    expect(run.rounds(24, ok()).state).toBe('degraded')
    expect(run.rounds(1, ok()).state).toBe('up')
  })

  test('an outage that this machine caused leaves no loss to disprove', () => {
    expect(new Run().rounds(10, ok()).rounds(30, local).rounds(3, ok()).trail).toEqual(['up', 'down', 'up'])
  })

  test('results older than the window are forgotten', () => {
    const run = new Run({ loss: { enter: 0.9, leave: 0.8 }, down: 100 }).rounds(3, ok()).rounds(30, lost)
    expect(run.facts.lossRatio).toBeGreaterThan(0.8)
    expect(run.rounds(61, ok()).facts.lossRatio).toBe(0)
  })
})

describe('by target', () => {
  test('one dead target of three is not loss on the line, and is reported as silent', () => {
    const run = new Run({ checks: 3 }).rounds(43, ok(), ok(), lost)
    expect(run.trail).toEqual(['up'])
    expect(run.facts.lossRatio).toBe(0)
    expect(run.machine.remarks(run.now)).toEqual(['target 192.0.2.3 silent for 42 s'])
    expect(run.machine.statistics(run.now)[2]).toMatchObject({ lossRatio: 1, latencyMs: null, failingMs: 42_000 })
    // When the target answers again, there is nothing to report after its loss is disproved.
    expect(run.rounds(120, ok(), ok(), ok()).machine.remarks(run.now)).toEqual([])
  })

  test('another kind of failure is reported with its cause', () => {
    const status: Outcome = { ok: false, local: false, latencyMs: null, error: 'the status is 503' }
    const run = new Run({ checks: 2 }).rounds(10, ok(), status)
    expect(run.machine.remarks(run.now)).toEqual(['ping 192.0.2.2 has failed for 9 s: the status is 503'])
  })

  test('loss on all targets is loss on the line, measured on the best targets of the quorum', () => {
    const run = new Run({ checks: 3, reliability: 2 }).rounds(60, ok(), ok(), ok())
    for (let i = 0; i < 20; i++) run.rounds(1, ok(), lost, lost).rounds(2, ok(), ok(), lost)
    expect(run.state).toBe('degraded')
    expect(run.facts.lossRatio).toBeCloseTo(1 / 3, 1)
    expect(run.changes.at(-1)!.reason).toMatch(
      /^loss \d+ % of ping 192.0.2.2 over \d+ s, limit 20 %; loss .* 192.0.2.3 /,
    )
  })

  test('a required check takes the uplink down alone, with its own reason', () => {
    const page: Outcome = { ok: false, local: false, latencyMs: null, error: 'the status is 302, expected 204' }
    const run = new Run({ checks: 3, roles: [{}, {}, { required: true }] }).rounds(3, ok(), lost, ok())
    expect(run.state).toBe('up')
    expect(run.rounds(3, ok(), lost, page).changes.at(-1)).toMatchObject({
      to: 'down',
      reason: '3 bad rounds in a row: ping 192.0.2.3: the status is 302, expected 204',
    })
  })

  test('requires one of these pings, and the page', () => {
    const roles = [{ group: 'pings' }, { group: 'pings' }, { required: true }]
    const state = (...outcomes: Outcome[]) =>
      new Run({ checks: 3, roles, quorum: { pings: 1 } }).rounds(3, ...outcomes).state
    expect(state(ok(), lost, ok())).toBe('up')
    expect(state(lost, ok(), ok())).toBe('up')
    expect(state(lost, lost, ok())).toBe('down')
    expect(state(ok(), ok(), lost)).toBe('down')
  })

  test('each check has its own latency and its own limit', () => {
    const slow = { latencyMs: { enter: 3000, leave: 2000 } }
    const roles = [{}, { required: true }]
    const run = new Run({ checks: 2, roles, own: [{}, slow] }).rounds(60, ok(10), ok(1500))
    expect(run.trail).toEqual(['up'])
    expect(run.machine.statistics(run.now).map(({ latencyMs, p95Ms }) => [latencyMs, p95Ms])).toEqual([
      [10, 10],
      [1500, 1500],
    ])
    expect(new Run({ checks: 2, roles }).rounds(60, ok(10), ok(1500)).changes.at(-1)!.reason).toBe(
      'latency 1500 ms of ping 192.0.2.2 over 2 s, limit 500 ms',
    )
  })

  test('percentiles and jitter cover the window', () => {
    const run = new Run().rounds(50, ok(400))
    for (let i = 0; i < 50; i++) run.rounds(1, ok(10)).rounds(1, ok(30))
    expect(run.machine.statistics(run.now)[0]).toMatchObject({
      ...{ minMs: 10, maxMs: 30, p50Ms: 30, p95Ms: 30, p99Ms: 30, jitterMs: 20 },
    })
  })
})

describe('a lossy line', () => {
  test('does not flap back to up after it went down', () => {
    const random = randomNumbers(1)
    const run = new Run()
    for (let i = 0; i < 20_000; i++) run.round(random() < 0.28 ? lost : ok())
    expect(run.trail.slice(1)).not.toContain('up')
  })

  test('is up as fast as usual after its cable was unplugged', () => {
    const run = new Run().rounds(10, ok())
    for (let i = 0; i < 10; i++) run.rounds(1, ok()).rounds(3, lost)
    expect(run.link('no carrier').link(null).rounds(2, ok()).state).toBe('down')
    const [last] = [run.rounds(1, ok()).changes.at(-1)!]
    expect(last.reason).not.toMatch(/must answer/)
  })

  test('no reason contradicts its own numbers', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.6, noNaN: true }), fc.nat(), (share, seed) => {
        const random = randomNumbers(seed)
        const run = new Run()
        for (let i = 0; i < 400; i++) {
          run.round(random() < share ? lost : ok(500 * random()))
          const [, value, above] = /^loss ([\d.]+) % .*?(?:, limit ([\d.]+) %)/.exec(run.facts.reason) ?? []
          if (above !== undefined) expect(Number(value)).toBeGreaterThanOrEqual(Number(above))
          const [, still, limit] = /^loss ([\d.]+) % .* good again at ([\d.]+) %/.exec(run.facts.reason) ?? []
          if (limit !== undefined) expect(Number(still)).toBeGreaterThan(Number(limit))
        }
      }),
      { numRuns: 30 },
    )
  })
})

describe('link facts', () => {
  test('take the uplink down immediately, and only new evidence brings it back', () => {
    const run = new Run().rounds(10, ok()).link('no carrier')
    expect(run.facts).toMatchObject({ state: 'down', reason: 'no carrier', linkFault: 'no carrier', goodRounds: 0 })
    expect(run.rounds(10, ok()).state).toBe('down')
    run.link(null)
    expect(run.state).toBe('down')
    expect(run.rounds(2, ok()).state).toBe('down')
    expect(run.rounds(1, ok()).trail).toEqual(['up', 'down', 'up'])
  })

  test('also from unknown', () => {
    expect(new Run().link('no such device').trail).toEqual(['down'])
  })

  test('update the reason without a second event', () => {
    const run = new Run().link('no carrier').link('device deleted')
    expect(run.trail).toEqual(['down'])
    expect(run.facts.reason).toBe('device deleted')
  })
})

describe('flap damping and minimum time', () => {
  const fall = (run: Run) => run.rounds(3, lost).rounds(3, ok())

  test('an uplink that goes down repeatedly stays degraded until the penalty has decayed', () => {
    const run = new Run().rounds(3, ok())
    for (let i = 0; i < 8; i++) fall(run)
    expect(run.state).toBe('degraded')
    expect(run.facts.flapping).toBe(true)
    expect(run.changes.at(-1)!.reason).toMatch(/^flapping: .* for 37 more min; ping/)
    // The penalty is capped at 4 and decays to 0.75 after 2.4 half-lives of 15 minutes.
    run.rounds(2200, ok())
    expect(run.state).toBe('up')
    expect(run.facts.flapping).toBe(false)
  })

  test('a state lasts its minimum time, but going down never waits', () => {
    const run = new Run({ minimumTime: 30_000 }).rounds(3, ok()).rounds(3, lost)
    expect(run.trail).toEqual(['up', 'down'])
    run.rounds(29, ok())
    expect(run.state).toBe('down')
    expect(run.rounds(1, ok()).state).toBe('up')
    expect(run.changes.map(({ at }) => at)).toEqual([3000, 6000, 36_000])
  })
})

describe('kept across a restart', () => {
  test('state, reason and flap penalty continue', () => {
    const run = new Run().rounds(3, ok())
    for (let i = 0; i < 8; i++) run.rounds(3, lost).rounds(3, ok())
    const next = new Run()
    next.machine.restore(run.machine.save(run.now), 0)
    expect(next.facts).toMatchObject({ state: 'degraded', flapping: true, goodRounds: 0, lossRatio: null })
    expect(next.rounds(3, ok()).state).toBe('degraded')
  })
})

// Property tests in virtual time, with arbitrary histories.

const outcome = fc.oneof(
  fc.integer({ min: 0, max: 2000 }).map(ok),
  fc.constant(lost),
  fc.constant(local),
) satisfies fc.Arbitrary<Outcome>
const step = fc.record({
  wait: fc.integer({ min: 1, max: 5000 }),
  outcomes: fc.array(outcome, { minLength: 3, maxLength: 3 }),
  link: fc.option(fc.constantFrom(null, 'no carrier', 'device deleted'), { nil: undefined, freq: 10 }),
})
const history = fc.array(step, { maxLength: 300 })
const numbers = fc.record({
  down: fc.integer({ min: 1, max: 5 }),
  up: fc.integer({ min: 1, max: 5 }),
  reliability: fc.integer({ min: 1, max: 3 }),
})

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function play(steps: readonly Step[], changed: Setup): Run {
  const run = new Run({ checks: 3, ...changed })
  for (const { wait, outcomes, link } of steps) {
    run.now += wait
    if (link !== undefined) run.link(link)
    run.now -= 1000
    run.rounds(1, ...outcomes)
  }
  return run
}

describe('for any history', () => {
  test('the same input gives the same output', () => {
    fc.assert(
      fc.property(history, numbers, (steps, changed) => {
        const [a, b] = [play(steps, changed), play(steps, changed)]
        expect(a.changes).toEqual(b.changes)
        expect(a.facts).toEqual(b.facts)
      }),
    )
  })

  test('changes chain, each to another state, never back to unknown, and time never runs backwards', () => {
    fc.assert(
      fc.property(history, numbers, (steps, changed) => {
        let [state, at] = ['unknown', 0]
        for (const change of play(steps, changed).changes) {
          expect(change.from).toBe(state)
          expect(change.to).not.toBe(change.from)
          expect(change.to).not.toBe('unknown')
          expect(change.at).toBeGreaterThanOrEqual(at)
          expect(change.reason).not.toBe('')
          ;[state, at] = [change.to, change.at]
        }
      }),
    )
  })

  test('up only directly after enough good rounds in a row with a link', () => {
    fc.assert(
      fc.property(history, numbers, (steps, changed) => {
        const run = new Run({ checks: 3, ...changed })
        let good = 0
        for (const { wait, outcomes, link } of steps) {
          run.now += wait - 1000
          const before = run.state
          if (link !== undefined && link !== run.facts.linkFault) good = 0
          if (link !== undefined) run.link(link)
          run.rounds(1, ...outcomes)
          const passed = outcomes.filter(({ ok }) => ok).length >= changed.reliability
          good = passed && run.facts.linkFault === null ? good + 1 : 0
          if (run.state === 'up' && before !== 'up') expect(good).toBeGreaterThanOrEqual(changed.up)
          if (run.facts.linkFault !== null) expect(run.state).toBe('down')
        }
      }),
    )
  })

  test('an outage is detected within `down` rounds', () => {
    fc.assert(
      fc.property(history, numbers, fc.constantFrom(lost, local), (steps, changed, failure) => {
        expect(play(steps, changed).link(null).rounds(changed.down, failure, failure, failure).state).toBe('down')
      }),
    )
  })

  test('a healthy uplink is usable within `up` rounds, and up within a window or the damping time', () => {
    fc.assert(
      fc.property(history, numbers, (steps, changed) => {
        const run = play(steps, changed).link(null)
        const healthy = [ok(), ok(), ok()]
        run.rounds(changed.up, ...healthy)
        expect(['up', 'degraded']).toContain(run.state)
        expect(run.rounds(62 + 2200, ...healthy).state).toBe('up')
      }),
    )
  })

  test('nothing changes while loss and latency stay inside the dead band', () => {
    // One of 10 rounds is lost: 10 %, between 5 % and 20 %. The latency is between 250 and 500 ms.
    const calm = fc.record({
      before: fc.constantFrom('up', 'degraded'),
      latencies: fc.array(fc.integer({ min: 260, max: 490 }), { minLength: 400, maxLength: 600 }),
      phase: fc.integer({ min: 0, max: 9 }),
    })
    fc.assert(
      fc.property(calm, ({ before, latencies, phase }) => {
        const run = new Run().rounds(60, ok(300))
        if (before === 'degraded') for (let i = 0; i < 30; i++) run.rounds(1, lost).rounds(1, ok(300))
        expect(run.state).toBe(before)
        const seen = run.changes.length
        for (const [i, latency] of latencies.entries()) run.rounds(1, i % 10 === phase ? lost : ok(latency))
        expect(run.changes.slice(seen)).toEqual([])
      }),
      { numRuns: 30 },
    )
  })

  test('loss is a share, and latency is between the minimum and the maximum', () => {
    fc.assert(
      fc.property(history, numbers, (steps, changed) => {
        const { lossRatio, latencyMs } = play(steps, changed).facts
        if (lossRatio !== null) expect(lossRatio >= 0 && lossRatio <= 1).toBe(true)
        if (latencyMs !== null) expect(latencyMs >= 0 && latencyMs <= 2000).toBe(true)
      }),
    )
  })
})

test('memory does not grow with the number of rounds', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heap = (run: Run) => {
    run.rounds(200_000, ok(), lost)
    collect()
    return process.memoryUsage().heapUsed
  }
  const run = new Run({ checks: 2, loss: { enter: 1, leave: 0.9 } })
  const before = heap(run)
  expect(heap(run) - before).toBeLessThan(100_000)
})
