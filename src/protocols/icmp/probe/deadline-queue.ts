interface Columns {
  /** When each probe's wait began. Never decreases from one `push` to the next. */
  readonly sentMonotonic: Float64Array
  readonly next: Int32Array
  readonly previous: Int32Array
  /** Number of the probe's bucket, from 1; 0 for none. */
  readonly bucket: Int32Array
}

/** A first-in first-out list of probes with the same timeout: the first in is the first due. Ends are -1. */
interface DeadlineBucket {
  readonly wait: number
  first: number
  last: number
}

/**
 * Probes in the order of their deadlines, identified by their place in the table. Many wait equally long, so there is a bucket
 * for each timeout. A bucket is a list linked through two columns: adding and removing takes constant time, without an object
 * or timer per probe.
 */
export class DeadlineQueue {
  readonly #columns: Columns
  readonly #buckets: DeadlineBucket[] = []
  readonly #byWait = new Map<number, number>()

  constructor(columns: Columns) {
    this.#columns = columns
  }

  push(probe: number, wait: number): void {
    const number = this.#byWait.get(wait) ?? this.#openBucket(wait)
    const bucket = this.#buckets[number - 1]!
    this.#columns.bucket[probe] = number
    this.#columns.previous[probe] = bucket.last
    this.#columns.next[probe] = -1
    if (bucket.last < 0) bucket.first = probe
    else this.#columns.next[bucket.last] = probe
    bucket.last = probe
  }

  /** Removes a probe. */
  remove(probe: number): void {
    const number = this.#columns.bucket[probe]!
    if (number === 0) return
    this.#columns.bucket[probe] = 0
    const bucket = this.#buckets[number - 1]!
    const next = this.#columns.next[probe]!
    const previous = this.#columns.previous[probe]!
    if (previous < 0) bucket.first = next
    else this.#columns.next[previous] = next
    if (next < 0) bucket.last = previous
    else this.#columns.previous[next] = previous
  }

  /** The earliest deadline; Infinity without one. */
  next(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const { first, wait } of this.#buckets) {
      if (first >= 0) earliest = Math.min(earliest, this.#columns.sentMonotonic[first]! + wait)
    }
    return earliest
  }

  expire(now: number, due: (probe: number) => void): void {
    for (const bucket of this.#buckets) {
      for (
        let probe = bucket.first;
        probe >= 0 && this.#columns.sentMonotonic[probe]! + bucket.wait <= now;
        probe = bucket.first
      ) {
        this.remove(probe)
        due(probe)
      }
    }
  }

  /** Reuses an empty bucket for another timeout, so there are never more buckets than probes. */
  #openBucket(wait: number): number {
    const free = this.#buckets.findIndex(({ first }) => first < 0)
    const bucket = { wait, first: -1, last: -1 }
    if (free < 0) {
      this.#byWait.set(wait, this.#buckets.push(bucket))
      return this.#buckets.length
    }
    this.#byWait.delete(this.#buckets[free]!.wait)
    this.#buckets[free] = bucket
    this.#byWait.set(wait, free + 1)
    return free + 1
  }
}
