import { LatencyCounts } from './latency-counts.js'

/** Results of a target, or of several, over several minutes of the history file. */
export class MinuteCounts {
  good = 0
  bad = 0
  readonly latencies = new LatencyCounts()
  /** Sum of the jitter of each minute times its answers, in microseconds, and the sum of those answers. */
  #jitter = 0
  #jittered = 0

  /** A row of `minute`, with these columns. */
  add({ good, bad, latencies, jitter }: Record<string, unknown>): void {
    this.good += good as number
    this.bad += bad as number
    // Node 22 takes an empty array for NULL.
    if (latencies instanceof Uint8Array) this.latencies.addBytes(latencies)
    // An old history has no such column.
    if (typeof jitter !== 'number') return
    this.#jitter += jitter * (good as number)
    this.#jittered += good as number
  }

  addAll(other: MinuteCounts): void {
    this.good += other.good
    this.bad += other.bad
    this.latencies.addAll(other.latencies)
    this.#jitter += other.#jitter
    this.#jittered += other.#jittered
  }

  /** Mean absolute difference of successive answers; undefined without any. */
  get jitterMs(): number | undefined {
    return this.#jittered === 0 ? undefined : this.#jitter / this.#jittered / 1000
  }
}
