import { CheckRecord, type CheckStatistics, type JudgedCheck } from './check-record.js'
import { Damping, type DampingOptions } from './damping.js'
import type { Quorum } from './quorum.js'

/** `unknown`: too few verdicts yet. `degraded`: it works, but with too much loss or latency, or it flaps. */
export type UplinkState = 'unknown' | 'up' | 'degraded' | 'down'

export interface Thresholds {
  /** Consecutive bad rounds until 'down'. */
  down: number
  /** Consecutive good rounds until 'up'. */
  up: number
  /** Milliseconds over which loss and latency are judged. */
  window: number
  /** Minimum duration of a state in milliseconds. Changes to 'down' never wait. */
  minimumTime: number
  damping: DampingOptions
}

/** The result of one check in a round. */
export type Outcome = Success | Failure

export interface Success {
  ok: true
  local: false
  latencyMs: number
  error: null
}

export interface Failure {
  ok: false
  /** Whether it failed on this machine before reaching the network. That is neither loss nor success. */
  local: boolean
  latencyMs: null
  /** What failed, in words. */
  error: string
  /** Whether no answer came at all. */
  silent?: boolean
}

export interface Change {
  from: UplinkState
  to: UplinkState
  reason: string
  /** Time on the caller's clock. */
  at: number
}

/** The facts about an uplink. */
export interface Facts {
  /** Current state. */
  state: UplinkState
  /** When the state began, in milliseconds on the caller's clock. The monitor uses milliseconds since the epoch. */
  since: number
  /** The reason for the state, in words. */
  reason: string
  /**
   * Loss over the window, 0-1, of the checks that decide: the worst among the best that `reliability`, `required` and groups
   * ask for. Null before the first verdict. Checks in flight and local failures do not count.
   */
  lossRatio: number | null
  /** Mean latency over the window in milliseconds, of the fastest checks that decide; null without an answer. */
  latencyMs: number | null
  /** Consecutive good rounds. */
  goodRounds: number
  /** Consecutive bad rounds. */
  badRounds: number
  /** Why the link is gone ('no carrier', …); null while it is there. */
  linkFault: string | null
  /** Whether it went down too often recently. */
  flapping: boolean
}

/** A state older than this says nothing about now, in ms. */
export const longestKept = 300_000

/** The state to keep over a restart. */
export interface SavedState {
  state: UplinkState
  since: number
  reason: string
  penalty: number
  flapping: boolean
}

/** Maximum number of causes in a reason. */
const maxCauses = 3

/**
 * The state of one uplink, derived from rounds of checks and facts about its link. Pure: it has no timer and no clock of its
 * own.
 */
export class StateMachine {
  readonly #thresholds: Thresholds
  readonly #quorum: Quorum
  readonly #checks: readonly JudgedCheck[]
  readonly #records: readonly CheckRecord[]
  readonly #damping: Damping
  #state: UplinkState = 'unknown'
  #since: number
  #reason = 'not checked yet'
  #linkFault: string | null = null
  #good = 0
  #bad = 0
  #rounds = 0
  #firstRound = Number.NaN

  /** `checks` in the order of a round's outcomes. */
  constructor(thresholds: Thresholds, checks: readonly JudgedCheck[], quorum: Quorum, at: number) {
    this.#thresholds = thresholds
    this.#quorum = quorum
    this.#checks = checks
    this.#records = checks.map(check => new CheckRecord(check, thresholds.window))
    this.#damping = new Damping(thresholds.damping)
    this.#since = at
  }

  get state(): UplinkState {
    return this.#state
  }

  get reason(): string {
    return this.#reason
  }

  get linkFault(): string | null {
    return this.#linkFault
  }

  get badRounds(): number {
    return this.#bad
  }

  /**
   * Records a complete round of checks. `patience`: so many more bad rounds than usual until 'down'. Ignored while the link is gone,
   * because such a round says nothing new.
   */
  round(outcomes: readonly Outcome[], at: number, patience = 0): Change | undefined {
    if (this.#linkFault !== null) return undefined
    if (this.#rounds++ === 0) this.#firstRound = at
    for (const [check, record] of this.#records.entries()) record.add(outcomes[check]!, at)
    if (this.#quorum.met(check => outcomes[check]!.ok)) {
      this.#good++
      this.#bad = 0
    } else {
      this.#bad++
      this.#good = 0
      for (const record of this.#records) record.endStreak()
    }
    if (this.#bad >= this.#thresholds.down + patience) return this.#fall(outcomes, at)
    return this.#judge(at)
  }

  /** Traffic proved that it works: a good round that says nothing about the checks. Ignored while the link is gone. */
  proven(at: number): Change | undefined {
    if (this.#linkFault !== null) return undefined
    this.#good++
    this.#bad = 0
    return this.#judge(at)
  }

  /** `fault` says why the link is gone; null if it is there. */
  link(fault: string | null, at: number): Change | undefined {
    if (fault === this.#linkFault) return undefined
    this.#linkFault = fault
    this.#forget()
    if (fault !== null) return this.#become('down', fault, at)
    if (this.#state === 'down') this.#reason = 'the link is back, its checks have not passed yet'
    return undefined
  }

  facts(at: number): Facts {
    return {
      state: this.#state,
      since: this.#since,
      reason: this.#reason,
      lossRatio: this.#quorum.decisive(check => this.#records[check]!.lossRatio(at)),
      latencyMs: this.#quorum.decisive(check => this.#records[check]!.latencyMs(at)),
      goodRounds: this.#good,
      badRounds: this.#bad,
      linkFault: this.#linkFault,
      flapping: this.#damping.flapping(at),
    }
  }

  /** Statistics of each check, in their order. */
  statistics(at: number): CheckStatistics[] {
    return this.#records.map(record => record.statistics(at))
  }

  /** Describes failing checks that the uplink can do without, in words. */
  remarks(at: number): string[] {
    if (this.#state === 'down' || this.#linkFault !== null) return []
    return this.#records.flatMap(record => record.remarks(this.#thresholds.down, at))
  }

  save(at: number): SavedState {
    return { state: this.#state, since: this.#since, reason: this.#reason, ...this.#damping.save(at) }
  }

  /** Continues from a saved state, with no round counted yet. */
  restore(saved: SavedState, at: number): void {
    this.#state = saved.state
    this.#since = saved.since
    this.#reason = saved.reason
    this.#damping.restore(saved, at)
    // Only the verdict survives a restart, not the results behind it.
    if (saved.state === 'degraded' || saved.state === 'down') for (const record of this.#records) record.distrust()
  }

  #judge(at: number): Change | undefined {
    const { down, up, window, minimumTime } = this.#thresholds
    const held = this.#state !== 'unknown' && at - this.#since < minimumTime
    if (held) return undefined
    // A series of bad rounds ends as 'down' or in a good round, without stopping at 'degraded' in between.
    if (this.#state === 'up') return !this.#isGood() && this.#bad === 0 ? this.#degrade(at) : undefined
    if (this.#good >= up) return this.#rise(at)
    const undecided = this.#rounds >= 2 * (up + down) && at - this.#firstRound >= window
    if (this.#state === 'unknown' && undecided) {
      return this.#become('degraded', 'rounds neither pass nor fail in a row', at)
    }
    return undefined
  }

  #fall(outcomes: readonly Outcome[], at: number): Change | undefined {
    if (this.#state !== 'down') for (const record of this.#records) record.fell()
    const missed = this.#quorum.missed(check => outcomes[check]!.ok)
    const causes = missed.map(check => `${this.#checks[check]!.label}: ${outcomes[check]!.error}`)
    const rounds = `${this.#bad} bad round${this.#bad === 1 ? '' : 's'} in a row`
    return this.#become('down', `${rounds}: ${listed(causes)}`, at)
  }

  /** After enough good rounds in a row, changes to 'up' if nothing speaks against it. */
  #rise(at: number): Change | undefined {
    if (this.#state !== 'degraded') for (const record of this.#records) record.comeBack(at)
    if (!this.#isGood() || this.#damping.flapping(at)) return this.#degrade(at)
    return this.#become('up', `${this.#good} good rounds in a row`, at)
  }

  #degrade(at: number): Change | undefined {
    const missed = this.#quorum.missed(check => this.#records[check]!.isGood)
    const causes = missed.flatMap(check => this.#records[check]!.describe(at))
    if (this.#damping.flapping(at)) {
      const minutes = Math.ceil(this.#damping.remaining(at) / 60_000)
      causes.unshift(`flapping: it went down too often, and stays degraded for ${minutes} more min`)
    }
    return this.#become('degraded', listed(causes), at)
  }

  #isGood(): boolean {
    return this.#quorum.met(check => this.#records[check]!.isGood)
  }

  #become(to: UplinkState, reason: string, at: number): Change | undefined {
    const from = this.#state
    this.#reason = reason
    if (from === to) return undefined
    if (to === 'down' && from !== 'unknown') this.#damping.fell(at)
    this.#state = to
    this.#since = at
    return { from, to, reason, at }
  }

  #forget(): void {
    this.#good = 0
    this.#bad = 0
    this.#rounds = 0
    for (const record of this.#records) record.forget()
  }
}

function listed(causes: readonly string[]): string {
  return [...new Set(causes)].slice(0, maxCauses).join('; ')
}
