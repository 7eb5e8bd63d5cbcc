import type { UplinkState } from '../../../monitor/state/state-machine.js'

/** From good to bad: of several in one step the worst is shown. 0: nobody looked. */
const severities: readonly (UplinkState | null)[] = [null, 'up', 'unknown', 'degraded', 'down']

/** One uplink in steps of equal length, from the oldest; null where nothing is known. */
export interface Columns {
  state: (UplinkState | null)[]
  /** Mean of the answers. */
  latencyMs: (number | null)[]
  maxLatencyMs: (number | null)[]
  lossRatio: (number | null)[]
}

/** What the page asks for. */
export interface HistoryReport {
  /** Seconds a step is long. */
  step: number
  /** Beginning of the first step, in seconds since the epoch. */
  from: number
  uplinks: ({ name: string } & Columns)[]
}

/** The last steps of one uplink: a ring, so that memory does not grow with time. */
export class Series {
  readonly #length: number
  readonly #numbers: Uint32Array
  readonly #state: Uint8Array
  readonly #answered: Uint32Array
  readonly #lost: Uint32Array
  readonly #sum: Float32Array
  readonly #max: Float32Array

  constructor(length: number) {
    this.#length = length
    this.#numbers = new Uint32Array(length)
    this.#state = new Uint8Array(length)
    this.#answered = new Uint32Array(length)
    this.#lost = new Uint32Array(length)
    this.#sum = new Float32Array(length)
    this.#max = new Float32Array(length)
  }

  /** `step` is the number of the step, counted from the epoch. */
  answered(step: number, latencyMs: number): void {
    const at = this.#place(step)
    this.#answered[at]!++
    this.#sum[at]! += latencyMs
    if (latencyMs > this.#max[at]!) this.#max[at] = latencyMs
  }

  lost(step: number): void {
    this.#lost[this.#place(step)]!++
  }

  state(step: number, state: UplinkState): void {
    const at = this.#place(step)
    this.#state[at] = Math.max(this.#state[at]!, severities.indexOf(state))
  }

  columns(from: number, count: number): Columns {
    const columns: Columns = { state: [], latencyMs: [], maxLatencyMs: [], lossRatio: [] }
    for (let step = from; step < from + count; step++) {
      const at = step % this.#length
      const known = this.#numbers[at] === step
      const [answered, lost] = known ? [this.#answered[at]!, this.#lost[at]!] : [0, 0]
      columns.state.push(known ? severities[this.#state[at]!]! : null)
      columns.latencyMs.push(answered === 0 ? null : rounded(this.#sum[at]! / answered))
      columns.maxLatencyMs.push(answered === 0 ? null : rounded(this.#max[at]!))
      columns.lossRatio.push(answered + lost === 0 ? null : rounded(lost / (answered + lost)))
    }
    return columns
  }

  /** Where the step is kept; what was there of an older one gives way. */
  #place(step: number): number {
    const at = step % this.#length
    if (this.#numbers[at] !== step) {
      this.#numbers[at] = step
      for (const column of [this.#state, this.#answered, this.#lost, this.#sum, this.#max]) column[at] = 0
    }
    return at
  }
}

/** To a thousandth: more is noise, and bytes. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
