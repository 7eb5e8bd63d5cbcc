import { LossEvidence } from './loss-evidence.js'
import { latencyOf, lossOf, type WindowTotals } from './sliding-window.js'

/** Two thresholds, so that a value near the limit doesn't toggle the state. */
export interface Band {
  /** A value at or above this is bad. */
  enter: number
  /** A value at or below this is good again. Between the two nothing changes. */
  leave: number
}

/** Limits of one check. */
export interface Limits {
  loss: Band
  latencyMs: Band
}

/** Compares a value with its two thresholds, given on which side it was before. */
function crossed(value: number | null, band: Band, before: boolean): boolean {
  if (value === null) return before
  return before ? value > band.leave : value >= band.enter
}

/** Whether loss or latency of one check is bad, with hysteresis. */
export class Quality {
  #lossy = false
  #slow = false
  readonly #limits: Limits
  readonly #evidence: LossEvidence

  constructor(limits: Limits) {
    this.#limits = limits
    this.#evidence = new LossEvidence(limits.loss)
  }

  get lossy(): boolean {
    return this.#lossy
  }

  get slow(): boolean {
    return this.#slow
  }

  get poor(): boolean {
    return this.#lossy || this.#slow
  }

  answered(): void {
    this.#evidence.answered()
  }

  lost(): void {
    this.#evidence.lost()
  }

  judge(totals: WindowTotals): void {
    // One loss among the first few results isn't a rate yet.
    const loss = totals.lost === 1 && !this.#lossy ? 0 : lossOf(totals)
    this.#lossy = crossed(loss, this.#limits.loss, this.#lossy) || (this.#lossy && !this.#evidence.suffices)
    this.#slow = crossed(latencyOf(totals), this.#limits.latencyMs, this.#slow)
  }

  /** The uplink went down because of this check, which counts as lossy until the contrary is proved. */
  fell(): void {
    this.#lossy = true
  }

  /** Counts the check as lossy and discards the evidence, for a bad state that a restart left. */
  distrust(): void {
    this.#lossy = true
    this.#evidence.refute()
  }

  /** Earlier latencies no longer count. The loss still does. */
  comeBack(): void {
    this.#slow = false
  }

  forget(): void {
    this.#lossy = false
    this.#slow = false
    this.#evidence.forget()
  }

  /**
   * Describes the problem of the check of this name in words. `covered` is the time that the totals cover, in
   * milliseconds.
   */
  describe(label: string, totals: WindowTotals, covered: number): string[] {
    const { loss, latencyMs } = this.#limits
    const where = `of ${label} over ${seconds(covered)}`
    const bad: string[] = []
    if (this.#lossy) {
      const percentage = (lossOf(totals) ?? 0) * 100
      const limits = { enter: percent(loss.enter), leave: percent(loss.leave) }
      if (percentage > limits.leave)
        bad.push(`loss ${against(percentage, limits, ' %')} ${where}, ${limit(percentage, limits, ' %')}`)
      else bad.push(`${label} must answer ${this.#evidence.missing} more times to rule out a loss of ${limits.enter} %`)
    }
    const mean = latencyOf(totals)
    if (this.#slow && mean !== null)
      bad.push(`latency ${against(mean, latencyMs, ' ms')} ${where}, ${limit(mean, latencyMs, ' ms')}`)
    return bad
  }
}

function percent(ratio: number): number {
  return +(ratio * 100).toFixed(3)
}

/** Formats the value with as few digits as keep it on its side of the limits. */
function against(value: number, { enter, leave }: Band, unit: string): string {
  const isOnSide = (shown: number) => (value >= enter ? shown >= enter : shown > leave && shown < enter)
  const digits = [0, 1, 2].find(digits => isOnSide(Number(value.toFixed(digits)))) ?? 3
  return `${value.toFixed(digits)}${unit}`
}

function limit(value: number, { enter, leave }: Band, unit: string): string {
  return value >= enter ? `limit ${enter}${unit}` : `good again at ${leave}${unit}`
}

export function seconds(ms: number): string {
  return ms < 1000 ? `${ms.toFixed()} ms` : `${(ms / 1000).toFixed()} s`
}
