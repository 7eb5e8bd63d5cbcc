import { Latencies, type LatencyStatistics } from './latencies.js'
import { type Limits, Quality, seconds } from './quality.js'
import { latencyOf, lossOf, SlidingWindow, type WindowTotals } from './sliding-window.js'
import type { Outcome } from './state-machine.js'

/** What is known of one check: over the window, or since the uplink came back. */
export interface CheckStatistics extends LatencyStatistics {
  /** 0-1; null before the first verdict. Local failures are in neither side of it. */
  lossRatio: number | null
  /** Mean; null without an answer. */
  latencyMs: number | null
  /** Loss is over its limit, or was and is not yet disproved. */
  lossy: boolean
  /** Latency is over its limit. */
  slow: boolean
  /** Milliseconds since the first of the failures in a row; null when the last result was a success. */
  failingMs: number | null
}

/** How a check is judged, and what it is called. */
export interface JudgedCheck extends Limits {
  /** 'ping 203.0.113.10' */
  readonly label: string
  /** '203.0.113.10' */
  readonly target: string
}

const none = (): WindowTotals => ({ answered: 0, lost: 0, latencySum: 0 })

/** The results of one check of an uplink. Pure: the clock is handed in. */
export class CheckRecord {
  readonly #check: JudgedCheck
  readonly #windowMs: number
  readonly #window: SlidingWindow
  readonly #latencies = new Latencies()
  readonly #quality: Quality
  /** Since the good rounds in a row began: all that counts for the loss of an uplink that comes back. */
  #streak = none()
  #streakBegan = Number.NaN
  /** When what is in the window began. */
  #began = Number.NaN
  #failures = 0
  #failingSince = Number.NaN
  #last: Outcome | undefined

  constructor(check: JudgedCheck, windowMs: number) {
    this.#check = check
    this.#windowMs = windowMs
    this.#window = new SlidingWindow(windowMs)
    this.#quality = new Quality(check)
  }

  /** Neither lossy nor slow. */
  get isGood(): boolean {
    return !this.#quality.poor
  }

  add(outcome: Outcome, at: number): void {
    this.#last = outcome
    if (Number.isNaN(this.#began)) this.#began = at
    if (Number.isNaN(this.#streakBegan)) this.#streakBegan = at
    if (outcome.ok) this.#failures = 0
    else if (this.#failures++ === 0) this.#failingSince = at
    const totals = none()
    if (outcome.ok) {
      totals.answered = 1
      totals.latencySum = outcome.latencyMs
      this.#latencies.add(outcome.latencyMs, at)
      this.#quality.answered()
    } else if (!outcome.local) {
      totals.lost = 1
      this.#quality.lost()
    }
    this.#window.add(totals, at)
    this.#streak.answered += totals.answered
    this.#streak.lost += totals.lost
    this.#streak.latencySum += totals.latencySum
    this.#quality.judge(this.#window.totals(at))
  }

  /** The good rounds in a row have ended. */
  endStreak(): void {
    this.#streak = none()
    this.#streakBegan = Number.NaN
  }

  /** The uplink went down, and its link is there. */
  fell(): void {
    if (this.#last && !this.#last.ok && !this.#last.local) this.#quality.fell()
  }

  /** The uplink works again: what was lost during the outage is not the loss of now. */
  comeBack(at: number): void {
    this.#window.clear()
    this.#window.add(this.#streak, at)
    this.#began = this.#streakBegan
    this.#quality.comeBack()
    this.#quality.judge(this.#window.totals(at))
  }

  distrust(): void {
    this.#quality.distrust()
  }

  /** The link was gone: what was before is no evidence of what comes. */
  forget(): void {
    this.endStreak()
    this.#window.clear()
    this.#began = Number.NaN
    this.#failures = 0
    this.#last = undefined
    this.#quality.forget()
  }

  lossRatio(at: number): number | null {
    return lossOf(this.#window.totals(at))
  }

  latencyMs(at: number): number | null {
    return latencyOf(this.#window.totals(at))
  }

  statistics(at: number): CheckStatistics {
    return {
      lossRatio: this.lossRatio(at),
      latencyMs: this.latencyMs(at),
      ...this.#latencies.statistics(Number.isNaN(this.#began) ? at : Math.max(this.#began, at - this.#windowMs)),
      lossy: this.#quality.lossy,
      slow: this.#quality.slow,
      failingMs: this.#failures > 0 ? at - this.#failingSince : null,
    }
  }

  /** What is wrong with loss and latency, in words. */
  describe(at: number): string[] {
    const covered = Math.min(at - this.#began, this.#windowMs)
    return this.#quality.describe(this.#check.label, this.#window.totals(at), covered)
  }

  /** The same, or that the target has failed `enough` times in a row and for how long. */
  remarks(enough: number, at: number): string[] {
    const last = this.#last
    if (this.#failures < enough || !last || last.ok) return this.describe(at)
    const lasting = seconds(at - this.#failingSince)
    if (last.silent) return [`target ${this.#check.target} silent for ${lasting}`]
    return [`${this.#check.label} has failed for ${lasting}: ${last.error}`]
  }
}
