import { Damping, type DampingOptions } from './damping.js'
import { type Band, Quality } from './quality.js'
import { latencyOf, lossOf, SlidingWindow, type WindowTotals } from './sliding-window.js'

/** `unknown` until there are verdicts enough; `degraded`: it works, with too much loss or latency, or it flaps. */
export type UplinkState = 'unknown' | 'up' | 'degraded' | 'down'

export interface Thresholds {
  /** Bad rounds in a row until 'down'. */
  down: number
  /** Good rounds in a row until 'up'. */
  up: number
  /** Checks of a round that must succeed. */
  reliability: number
  /** Milliseconds over which loss and latency are judged. */
  window: number
  loss: Band
  latencyMs: Band
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
  /** Why, in words; '' before the first change. */
  reason: string
  /** 0-1 over the window; null before the first verdict. Checks in flight and local failures are in neither side of it. */
  lossRatio: number | null
  /** Mean over the window; null without an answer. */
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

const none = (): WindowTotals => ({ answered: 0, lost: 0, latencySum: 0 })

/** The state of one uplink, from rounds of checks and facts about its link. Pure: no timer, no clock of its own. */
export class StateMachine {
  readonly #thresholds: Thresholds
  readonly #window: SlidingWindow
  readonly #quality: Quality
  readonly #damping: Damping
  #state: UplinkState = 'unknown'
  #since: number
  #reason = 'no evidence yet'
  #linkFault: string | null = null
  #good = 0
  #bad = 0
  /** Of the last round. */
  readonly #totals = none()
  /** What the good rounds in a row brought: all that counts for an uplink that comes back. */
  #streak = none()
  #rounds = 0
  #firstRound = Number.NaN

  constructor(thresholds: Thresholds, at: number) {
    this.#thresholds = thresholds
    this.#window = new SlidingWindow(thresholds.window)
    this.#quality = new Quality(thresholds.loss, thresholds.latencyMs)
    this.#damping = new Damping(thresholds.damping)
    this.#since = at
  }

  get state(): UplinkState {
    return this.#state
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
    const totals = this.#totals
    sum(outcomes, totals)
    this.#window.add(totals, at)
    this.#quality.judge(this.#window.totals(at))
    if (totals.answered >= this.#thresholds.reliability) {
      this.#good++
      this.#bad = 0
      addTo(this.#streak, totals)
    } else {
      this.#bad++
      this.#good = 0
      this.#streak = none()
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
    const totals = this.#window.totals(at)
    return {
      state: this.#state,
      since: this.#since,
      reason: this.#reason,
      lossRatio: lossOf(totals),
      latencyMs: latencyOf(totals),
      goodRounds: this.#good,
      badRounds: this.#bad,
      linkFault: this.#linkFault,
      flapping: this.#damping.flapping(at),
    }
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
  }

  #judge(outcomes: readonly Outcome[], at: number): Change | undefined {
    const { down, up, window, minimumTime } = this.#thresholds
    if (this.#bad >= down) return this.#become('down', failure(this.#bad, outcomes), at)
    const held = this.#state !== 'unknown' && at - this.#since < minimumTime
    if (held) return undefined
    // A run of bad rounds ends as 'down' or in a good round: no stop at 'degraded' on the way.
    if (this.#state === 'up') return this.#quality.poor && this.#bad === 0 ? this.#degrade(at) : undefined
    if (this.#good >= up) return this.#rise(at)
    const undecided = this.#rounds >= 2 * (up + down) && at - this.#firstRound >= window
    if (this.#state === 'unknown' && undecided) {
      return this.#become('degraded', 'rounds neither pass nor fail in a row', at)
    }
    return undefined
  }

  /** Enough good rounds in a row: to 'up' if nothing speaks against it. */
  #rise(at: number): Change | undefined {
    if (this.#state !== 'degraded') {
      this.#window.clear()
      this.#window.add(this.#streak, at)
      this.#quality.forget()
      this.#quality.judge(this.#streak)
    }
    if (this.#quality.poor || this.#damping.flapping(at)) return this.#degrade(at)
    return this.#become('up', `${this.#good} good rounds in a row`, at)
  }

  #degrade(at: number): Change | undefined {
    const quality = this.#quality.describe(this.#window.totals(at))
    return this.#become('degraded', quality || 'flapping: it went down too often lately', at)
  }

  #become(to: UplinkState, reason: string, at: number): Change | undefined {
    const from = this.#state
    if (from === to) {
      this.#reason = reason
      return undefined
    }
    if (to === 'down' && from !== 'unknown') this.#damping.fell(at)
    this.#state = to
    this.#since = at
    this.#reason = reason
    return { from, to, reason, at }
  }

  #forget(): void {
    this.#good = 0
    this.#bad = 0
    this.#streak = none()
    this.#rounds = 0
    this.#window.clear()
    this.#quality.forget()
  }
}

function sum(outcomes: readonly Outcome[], totals: WindowTotals): void {
  Object.assign(totals, none())
  for (const outcome of outcomes) {
    if (outcome.ok) {
      totals.answered++
      totals.latencySum += outcome.latencyMs
    } else if (!outcome.local) totals.lost++
  }
}

function addTo(totals: WindowTotals, more: WindowTotals): void {
  totals.answered += more.answered
  totals.lost += more.lost
  totals.latencySum += more.latencySum
}

function failure(rounds: number, outcomes: readonly Outcome[]): string {
  const errors = outcomes.flatMap(({ error }) => (error === null ? [] : [error]))
  const shown = [...new Set(errors)].slice(0, 3).join('; ')
  return `${rounds} bad round${rounds === 1 ? '' : 's'} in a row: ${shown}`
}
