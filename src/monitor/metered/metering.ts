import type { MeteredReport } from '../record/event-types.js'
import type { RoundSettings } from '../settings.js'
import type { Outcome, UplinkState } from '../state/state-machine.js'
import type { Metered } from './options.js'
import { idleInterval, ProbeBudget, type SavedBudget } from './probe-budget.js'
import type { Traffic } from './traffic.js'

/** Milliseconds after the last proof during which a stall is that of a busy line. Later it may be a radio that wakes up. */
const busyMs = 5000
/**
 * Additional bad rounds until 'down' for a line whose traffic doesn't show an outage too, because they are the only
 * evidence.
 */
export const idlePatience = 2
/** Milliseconds that probes of a busy line which stalls are waited for at least. */
const leastUrgentMs = 250

/** The parts of the state machine that metering reads. */
interface Verdict {
  readonly state: UplinkState
  readonly badRounds: number
}

/** The rounds of a metered uplink: when they may run, what they cost, and what traffic proves in their place. */
export class Metering {
  readonly #metered: Metered
  readonly #settings: RoundSettings
  readonly #budget: ProbeBudget
  #evidence: MeteredReport['evidence'] = null
  #provenAt = Number.NEGATIVE_INFINITY
  #countedAt = Number.NEGATIVE_INFINITY
  #judgedAt = Number.NEGATIVE_INFINITY

  constructor(metered: Metered, settings: RoundSettings, now: number) {
    this.#metered = metered
    this.#settings = settings
    this.#budget = new ProbeBudget(metered, now)
  }

  /** Milliseconds until a round may run. */
  wait(now: number): number {
    return this.#budget.wait(now)
  }

  /** Whether a suspicion is worth a round now: the emptier the reserve, the rarer. One under way may have to be paid as well. */
  maySuspect(now: number): boolean {
    return this.#budget.wait(now, 2) === 0 && now - this.#judgedAt >= this.#budget.pace(now)
  }

  /** Milliseconds to wait for the probes of this suspicion; undefined: as long as for any. */
  urgency(traffic: Traffic, now: number): number | undefined {
    if (traffic.says !== 'stalled' || now - this.#provenAt > busyMs) return undefined
    return Math.min(this.#settings.timeout, Math.max(leastUrgentMs, 2 * traffic.rttMs))
  }

  /** Traffic proved that the uplink works. Returns whether that counts as a round: one of an interval, as with probes. */
  proved(now: number): boolean {
    this.#evidence = 'traffic'
    this.#provenAt = now
    const counts = now - this.#countedAt >= this.#settings.interval
    if (counts) this.#countedAt = now
    return counts
  }

  /** A round of probes is done. */
  judged(outcomes: readonly Outcome[], isGood: boolean, now: number): void {
    this.#judgedAt = now
    if (isGood) {
      this.#evidence = 'probe'
      this.#provenAt = now
    }
    const { probeBytes } = this.#metered
    const sent = outcomes.map(({ ok, local }, check) => (local ? 0 : ok ? 2 : 1) * probeBytes[check]!)
    this.#budget.spend(
      sent.reduce((sum, bytes) => sum + bytes, 0),
      now,
    )
  }

  /** Bad rounds until 'down' beyond the usual number. */
  patience(urgentMs: number | undefined): number {
    return urgentMs === undefined ? idlePatience : 0
  }

  /** Milliseconds until the next round of an uplink that is idle and works. */
  get idleInterval(): number {
    return Math.max(this.#settings.interval, idleInterval(this.#metered))
  }

  /** Milliseconds from the start of a round to that of the next. `urgentMs`: how long its probes were waited for, if less than usual. */
  gap({ state, badRounds }: Verdict, isSuspect: boolean, urgentMs: number | undefined, now: number): number {
    return Math.max(this.#wanted(state, badRounds, isSuspect, urgentMs, now), this.wait(now))
  }

  #wanted(
    state: UplinkState,
    badRounds: number,
    isSuspect: boolean,
    urgentMs: number | undefined,
    now: number,
  ): number {
    const { failureInterval, recoveryInterval } = this.#settings
    if (state === 'up' && badRounds === 0) return this.idleInterval
    if (state === 'up' || (state === 'degraded' && isSuspect)) return urgentMs ?? failureInterval
    return Math.max(recoveryInterval, this.#budget.pace(now))
  }

  report(now: number): MeteredReport {
    const { quota, period } = this.#metered
    return {
      ...{ quota, periodMs: period, spentBytes: this.#budget.spent(now) },
      ...{ idleIntervalMs: Math.round(this.idleInterval), evidence: this.#evidence },
    }
  }

  save(now: number): SavedBudget {
    return this.#budget.save(now)
  }

  restore(saved: SavedBudget | undefined, now: number): void {
    if (saved) this.#budget.restore(saved, now)
  }
}
