import { Latencies, type LatencyStatistics } from './latencies.js'
import { type Limits, Quality, seconds } from './quality.js'
import { latencyOf, lossOf, SlidingWindow, type WindowTotals } from './sliding-window.js'
import type { Outcome } from './state-machine.js'

/** Statistics of one check, over the window or since the uplink came back. */
export interface CheckStatistics extends LatencyStatistics {
  /** 0-1; null before the first verdict. Local failures do not count. */
  lossRatio: number | null
  /** Mean; null without an answer. */
  latencyMs: number | null
  /** Loss exceeds its limit, or did and hasn't been disproved yet. */
  lossy: boolean
  /** Latency exceeds its limit. */
  slow: boolean
  /** Milliseconds since the first failure in a row; null if the last result was a success. */
  failingMs: number | null
}

/** How to judge a check, and its names. */
export interface JudgedCheck extends Limits {
  /** Such as 'ping 203.0.113.10'. */
  readonly label: string
  /** Such as '203.0.113.10'. */
  readonly target: string
}

const none = (): WindowTotals => ({ answered: 0, lost: 0, latencySum: 0 })

/** The results of one check of an uplink. Pure: callers pass the time. */
export class CheckRecord {
  readonly #check: JudgedCheck
  readonly #windowMs: number
  readonly #window: SlidingWindow
  readonly #latencies = new Latencies()
  readonly #quality: Quality
  /** Results since the current good rounds began. They alone decide the loss of an uplink that comes back. */
  #streak = none()
  #streakBegan = Number.NaN
  /** Start of the window's data. */
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

  /** Whether it is neither lossy nor slow. */
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

  /** The series of good rounds has ended. */
  endStreak(): void {
    this.#streak = none()
    this.#streakBegan = Number.NaN
  }

  /** The uplink went down although its link is there. */
  fell(): void {
    if (this.#last && !this.#last.ok && !this.#last.local) this.#quality.fell()
  }

  /** The uplink works again. Loss during the outage no longer counts. */
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

  /** The link was gone, so earlier results say nothing about later ones. */
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

  /** Describes excessive loss and latency in words. */
  describe(at: number): string[] {
    const covered = Math.min(at - this.#began, this.#windowMs)
    return this.#quality.describe(this.#check.label, this.#window.totals(at), covered)
  }

  /** Like `describe`, or reports that the target has failed `enough` times in a row and for how long. */
  remarks(enough: number, at: number): string[] {
    const last = this.#last
    if (this.#failures < enough || !last || last.ok) return this.describe(at)
    const lasting = seconds(at - this.#failingSince)
    if (last.silent) return [`target ${this.#check.target} silent for ${lasting}`]
    return [`${this.#check.label} has failed for ${lasting}: ${last.error}`]
  }
}
