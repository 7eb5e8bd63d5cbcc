import type { UplinkState } from '../../../monitor/state/state-machine.js'
import { meanDifference, percentile } from '../../../stats.js'
import { type CheckColumns, rounded, severities } from './history-report.js'

/** Steps by their numbers, counted from the epoch. They are kept in a ring, so memory does not grow. */
class Ring {
  readonly #length: number
  readonly #numbers: Uint32Array

  constructor(length: number) {
    this.#length = length
    this.#numbers = new Uint32Array(length)
  }

  /** The slot of the step. An older step in it is overwritten. */
  take(step: number, clear: (at: number) => void): number {
    const at = step % this.#length
    if (this.#numbers[at] !== step) clear(at)
    this.#numbers[at] = step
    return at
  }

  /** The slot of the step, if it is kept. */
  find(step: number): number | undefined {
    const at = step % this.#length
    return this.#numbers[at] === step ? at : undefined
  }
}

/** The recent states of an uplink: the worst state in each step. A state lasts until another is added. */
export class StateSeries {
  readonly #length: number
  readonly #ring: Ring
  readonly #states: Uint8Array
  #last: { step: number; severity: number } | undefined

  constructor(length: number) {
    this.#length = length
    this.#ring = new Ring(length)
    this.#states = new Uint8Array(length)
  }

  add(step: number, state: UplinkState): void {
    if (this.#last) {
      // Whoever adds may have been late: a timer drifts, and a busy event loop waits.
      const begin = Math.max(this.#last.step + 1, step - this.#length + 1)
      for (let between = begin; between < step; between++) this.#put(between, this.#last.severity)
    }
    this.#last = { step, severity: severities.indexOf(state) }
    this.#put(step, this.#last.severity)
  }

  column(from: number, count: number): (UplinkState | null)[] {
    return Array.from({ length: count }, (_, index) => {
      const at = this.#ring.find(from + index)
      return at === undefined ? null : severities[this.#states[at]!]!
    })
  }

  #put(step: number, severity: number): void {
    const at = this.#ring.take(step, at => {
      this.#states[at] = 0
    })
    this.#states[at] = Math.max(this.#states[at]!, severity)
  }
}

/** The recent results of a check. Single latencies are kept only for the current step. */
export class CheckSeries {
  readonly #ring: Ring
  readonly #answered: Uint16Array
  readonly #lost: Uint16Array
  readonly #min: Float32Array
  readonly #median: Float32Array
  readonly #p95: Float32Array
  readonly #jitter: Float32Array
  #step = 0
  #latencies: number[] = []
  /** The last answer before this step, because jitter compares successive answers. */
  #previous: number[] = []

  constructor(length: number) {
    this.#ring = new Ring(length)
    this.#answered = new Uint16Array(length)
    this.#lost = new Uint16Array(length)
    this.#min = new Float32Array(length)
    this.#median = new Float32Array(length)
    this.#p95 = new Float32Array(length)
    this.#jitter = new Float32Array(length)
  }

  answered(step: number, latencyMs: number): void {
    this.#answered[this.#enter(step)]!++
    this.#latencies.push(latencyMs)
  }

  lost(step: number): void {
    this.#lost[this.#enter(step)]!++
  }

  columns(from: number, count: number): CheckColumns {
    this.#settle()
    const columns: CheckColumns = { minMs: [], medianMs: [], p95Ms: [], jitterMs: [], lossRatio: [] }
    for (let step = from; step < from + count; step++) {
      const at = this.#ring.find(step)
      const [answered, lost] = at === undefined ? [0, 0] : [this.#answered[at]!, this.#lost[at]!]
      const of = (values: Float32Array) => (answered === 0 ? null : rounded(values[at!]))
      columns.minMs.push(of(this.#min))
      columns.medianMs.push(of(this.#median))
      columns.p95Ms.push(of(this.#p95))
      columns.jitterMs.push(of(this.#jitter))
      columns.lossRatio.push(answered + lost === 0 ? null : rounded(lost / (answered + lost)))
    }
    return columns
  }

  #enter(step: number): number {
    if (step !== this.#step) {
      this.#settle()
      this.#previous = this.#latencies.slice(-1)
      this.#latencies = []
      this.#step = step
    }
    return this.#ring.take(step, at => {
      for (const column of [this.#answered, this.#lost]) column[at] = 0
    })
  }

  /** Computes the current step. */
  #settle(): void {
    const at = this.#ring.find(this.#step)
    if (at === undefined || this.#latencies.length === 0) return
    const sorted = this.#latencies.toSorted((a, b) => a - b)
    this.#min[at] = sorted[0]!
    this.#median[at] = percentile(sorted, 0.5)!
    this.#p95[at] = percentile(sorted, 0.95)!
    this.#jitter[at] = meanDifference([...this.#previous, ...this.#latencies]) ?? Number.NaN
  }
}
