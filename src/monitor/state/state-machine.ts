import { CheckRecord, type CheckStatistics, type JudgedCheck } from './check-record.js'
import { Damping, type DampingOptions } from './damping.js'
import type { Quorum } from './quorum.js'

/** `unknown` until there are verdicts enough; `degraded`: it works, with too much loss or latency, or it flaps. */
export type UplinkState = 'unknown' | 'up' | 'degraded' | 'down'

export interface Thresholds {
  /** Bad rounds in a row until 'down'. */
  down: number
  /** Good rounds in a row until 'up'. */
  up: number
  /** Milliseconds over which loss and latency are judged. */
  window: number
  /** Milliseconds a state lasts at least; the way to 'down' never waits. */
  minimumTime: number
  damping: DampingOptions
}

/** What one check of a round said. */
export type Outcome = Success | Failure

export interface Success {
  ok: true
  local: false
  latencyMs: number
  error: null
}

export interface Failure {
  ok: false
  /** It failed on this machine, before the network had a say: no loss, but no success either. */
  local: boolean
  latencyMs: null
  /** What was wrong, in words. */
  error: string
  /** Nothing came back at all. */
  silent?: boolean
}

export interface Change {
  from: UplinkState
  to: UplinkState
  reason: string
  /** On the clock handed in. */
  at: number
}

/** What is known of an uplink. */
export interface Facts {
  /** The state it is in. */
  state: UplinkState
  /** Milliseconds, on the clock handed in: of the monitor, since the epoch. */
  since: number
  /** Why, in words. */
  reason: string
  /**
   * 0-1 over the window, of the checks that decide: the best that `reliability`, `required` and groups ask for; of these the
   * worst. Null before the first verdict. Checks in flight and local failures are in neither side of it.
   */
  lossRatio: number | null
  /** Mean over the window, of the fastest checks in the same way; null without an answer. */
  latencyMs: number | null
  /** Good rounds in a row. */
  goodRounds: number
  /** Bad rounds in a row. */
  badRounds: number
  /** Why the link is gone ('no carrier', …); null while it is there. */
  linkFault: string | null
  /** It went down too often lately. */
  flapping: boolean
}

/** What is worth keeping over a restart. */
export interface SavedState {
  state: UplinkState
  since: number
  reason: string
  penalty: number
  flapping: boolean
}

/** Causes that a reason names at most. */
const maxCauses = 3

/** The state of one uplink, from rounds of checks and facts about its link. Pure: no timer, no clock of its own. */
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

  /** `checks` in the order of the outcomes of a round. */
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

  /** A round of checks is complete. Ignored while the link is gone: such a round says nothing new. */
  round(outcomes: readonly Outcome[], at: number): Change | undefined {
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
    return this.#judge(outcomes, at)
  }

  /** `fault` says why the link is gone, null that it is there. */
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

  /** Of each check, in their order. */
  statistics(at: number): CheckStatistics[] {
    return this.#records.map(record => record.statistics(at))
  }

  /** What is wrong with single checks while the uplink does without them, in words. */
  remarks(at: number): string[] {
    if (this.#state === 'down' || this.#linkFault !== null) return []
    return this.#records.flatMap(record => record.remarks(this.#thresholds.down, at))
  }

  save(at: number): SavedState {
    return { state: this.#state, since: this.#since, reason: this.#reason, ...this.#damping.save(at) }
  }

  /** Goes on from a saved state, with no round counted yet. */
  restore(saved: SavedState, at: number): void {
    this.#state = saved.state
    this.#since = saved.since
    this.#reason = saved.reason
    this.#damping.restore(saved, at)
    // What was lost before the restart is not known any more: only the verdict is.
    if (saved.state === 'degraded' || saved.state === 'down') for (const record of this.#records) record.distrust()
  }

  #judge(outcomes: readonly Outcome[], at: number): Change | undefined {
    const { down, up, window, minimumTime } = this.#thresholds
    if (this.#bad >= down) return this.#fall(outcomes, at)
    const held = this.#state !== 'unknown' && at - this.#since < minimumTime
    if (held) return undefined
    // A run of bad rounds ends as 'down' or in a good round: no stop at 'degraded' on the way.
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

  /** Enough good rounds in a row: to 'up' if nothing speaks against it. */
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
