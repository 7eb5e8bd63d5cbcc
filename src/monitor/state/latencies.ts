import { meanDifference, percentile } from '../../stats.js'

/** Answers kept for percentiles. */
const capacity = 128

/** Latencies of answers in milliseconds; null without data. */
export interface LatencyStatistics {
  /** Shortest. */
  minMs: number | null
  /** Longest. */
  maxMs: number | null
  /** Median. */
  p50Ms: number | null
  /** 95th percentile. */
  p95Ms: number | null
  /** 99th percentile. */
  p99Ms: number | null
  /** Mean absolute difference between successive answers. */
  jitterMs: number | null
}

/** The latest answers of one check, in constant memory. */
export class Latencies {
  readonly #times = new Float64Array(capacity).fill(Number.NEGATIVE_INFINITY)
  readonly #values = new Float32Array(capacity)
  #next = 0

  add(latencyMs: number, at: number): void {
    this.#times[this.#next] = at
    this.#values[this.#next] = latencyMs
    this.#next = (this.#next + 1) % capacity
  }

  /** Statistics of the answers since `from`, at most the latest 128. */
  statistics(from: number): LatencyStatistics {
    const values: number[] = []
    for (let i = 0; i < capacity; i++) {
      const place = (this.#next + i) % capacity
      if (this.#times[place]! >= from) values.push(this.#values[place]!)
    }
    const sorted = [...values].sort((a, b) => a - b)
    return {
      minMs: sorted[0] ?? null,
      maxMs: sorted.at(-1) ?? null,
      p50Ms: percentile(sorted, 0.5) ?? null,
      p95Ms: percentile(sorted, 0.95) ?? null,
      p99Ms: percentile(sorted, 0.99) ?? null,
      jitterMs: meanDifference(values) ?? null,
    }
  }
}
