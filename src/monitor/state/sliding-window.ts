const buckets = 30
/** Numbers per bucket: its time slot, answered, lost, sum of latencies. */
const fields = 4

export interface WindowTotals {
  answered: number
  lost: number
  latencySum: number
}

/**
 * Loss and latency over the last `window` ms, with a resolution of a thirtieth. A fixed number of buckets keeps memory
 * constant, whatever the rate.
 */
export class SlidingWindow {
  readonly #bucketMs: number
  readonly #table = new Float64Array(buckets * fields).fill(Number.NaN)
  readonly #totals: WindowTotals = { answered: 0, lost: 0, latencySum: 0 }
  /** The time slot that the totals are valid for. */
  #epoch = Number.NaN

  constructor(window: number) {
    this.#bucketMs = window / buckets
  }

  add({ answered, lost, latencySum }: WindowTotals, at: number): void {
    const epoch = this.#moveTo(at)
    const row = (((epoch % buckets) + buckets) % buckets) * fields
    const table = this.#table
    if (table[row] !== epoch) {
      table[row] = epoch
      table.fill(0, row + 1, row + fields)
    }
    table[row + 1]! += answered
    table[row + 2]! += lost
    table[row + 3]! += latencySum
    this.#totals.answered += answered
    this.#totals.lost += lost
    this.#totals.latencySum += latencySum
  }

  /** Valid until the next call. */
  totals(at: number): Readonly<WindowTotals> {
    this.#moveTo(at)
    return this.#totals
  }

  clear(): void {
    this.#table.fill(Number.NaN)
    this.#epoch = Number.NaN
  }

  /** Recounts the window once for each time slot. */
  #moveTo(at: number): number {
    const epoch = Math.floor(at / this.#bucketMs)
    if (epoch === this.#epoch) return epoch
    this.#epoch = epoch
    const sum = Object.assign(this.#totals, { answered: 0, lost: 0, latencySum: 0 })
    for (let row = 0; row < this.#table.length; row += fields) {
      if (!(this.#table[row]! > epoch - buckets)) continue
      sum.answered += this.#table[row + 1]!
      sum.lost += this.#table[row + 2]!
      sum.latencySum += this.#table[row + 3]!
    }
    return epoch
  }
}

/** Share lost among results with a verdict, 0-1; null before the first. */
export function lossOf({ answered, lost }: WindowTotals): number | null {
  return answered + lost === 0 ? null : lost / (answered + lost)
}

/** Mean latency of answers in milliseconds. It is null without an answer, because no answer is not a latency of 0. */
export function latencyOf({ answered, latencySum }: WindowTotals): number | null {
  return answered === 0 ? null : latencySum / answered
}
