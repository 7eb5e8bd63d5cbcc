import { latencyOf, lossOf, type WindowTotals } from './sliding-window.js'

/** Two thresholds, so that a value at the border does not make the state flutter. */
export interface Band {
  /** At or above this value the uplink becomes 'degraded'. */
  enter: number
  /** At or below this value it is good again. Between the two nothing changes. */
  leave: number
}

/** One value against its two thresholds: remembers on which side it was last. */
function crossed(value: number | null, band: Band, before: boolean): boolean {
  if (value === null) return before
  return before ? value > band.leave : value >= band.enter
}

/** Whether loss or latency are bad, with the memory that hysteresis needs. */
export class Quality {
  #lossy = false
  #slow = false
  readonly #loss: Band
  readonly #latencyMs: Band

  constructor(loss: Band, latencyMs: Band) {
    this.#loss = loss
    this.#latencyMs = latencyMs
  }

  get poor(): boolean {
    return this.#lossy || this.#slow
  }

  judge(totals: WindowTotals): void {
    // One lost check out of the first few is no rate yet.
    const loss = totals.lost === 1 && !this.#lossy ? 0 : lossOf(totals)
    this.#lossy = crossed(loss, this.#loss, this.#lossy)
    this.#slow = crossed(latencyOf(totals), this.#latencyMs, this.#slow)
  }

  forget(): void {
    this.#lossy = false
    this.#slow = false
  }

  /** What is bad, in words; '' when nothing is. */
  describe(totals: WindowTotals): string {
    const bad: string[] = []
    if (this.#lossy) bad.push(`loss ${percent(lossOf(totals) ?? 1)} (limit ${percent(this.#loss.enter)})`)
    if (this.#slow) bad.push(`latency ${latencyOf(totals)?.toFixed() ?? '-'} ms (limit ${this.#latencyMs.enter} ms)`)
    return bad.join(', ')
  }
}

function percent(ratio: number): string {
  return `${+(ratio * 100).toFixed(1)}%`
}
