/** Round-trip statistics in milliseconds; `undefined` until there is data. */
export interface PingStatistics {
  /** Probes the kernel has taken. */
  sent: number
  /** Probes that never left this machine, or whose device was set down (`send-failed`). They count neither as sent nor as lost. */
  unsent: number
  /** Probes with a reply, including late ones. */
  received: number
  /** Further replies to probes already answered. */
  duplicates: number
  /** Replies that arrived after the reply to a later probe. */
  reordered: number
  /** Share of probes lost, 0-1, among those with a verdict. Probes still in flight do not count. */
  lossRatio: number | undefined
  /** Shortest round trip. */
  minMs: number | undefined
  /** Mean round trip. */
  avgMs: number | undefined
  /** Longest round trip. */
  maxMs: number | undefined
  /** Population standard deviation. */
  stddevMs: number | undefined
  /** Mean absolute difference between successive round trips. */
  jitterMs: number | undefined
  /** Median: exact up to 4096 round trips, then from a uniform sample. */
  p50Ms: number | undefined
  /** 95th percentile, computed like the median. */
  p95Ms: number | undefined
  /** 99th percentile, computed like the median. */
  p99Ms: number | undefined
}

/**
 * Round trips kept for percentiles. They are exact up to this number; beyond it the counter keeps a uniform sample (Vitter's
 * algorithm R).
 */
export const reservoirSize = 4096

/** Counts probes and round trips as they come, in constant memory. */
export class RttCounter {
  #sent = 0
  #unsent = 0
  #received = 0
  /** Round trips measured. A probe to a group has one for each host. */
  #measured = 0
  #lost = 0
  #duplicates = 0
  #reordered = 0
  #newest = -1
  #min = Number.POSITIVE_INFINITY
  #max = 0
  #mean = 0
  #squares = 0
  #jitterSum = 0
  #previous: number | undefined
  readonly #sample: number[] = []

  sent(): void {
    this.#sent++
  }

  /** The probe did not leave after all: it counts neither as sent nor as lost. */
  refused(): void {
    this.#sent--
    this.#unsent++
  }

  /** `sequence` numbers the probes in the order of sending. */
  reply(rttMs: number, sequence: number): void {
    if (sequence < this.#newest) this.#reordered++
    else this.#newest = sequence
    this.#received++
    if (this.#previous !== undefined) this.#jitterSum += Math.abs(rttMs - this.#previous)
    this.#previous = rttMs
    this.#addRtt(rttMs)
  }

  /** Another host of a group has answered: one more round trip, but not one more probe answered. */
  further(rttMs: number): void {
    this.#addRtt(rttMs)
  }

  lost(): void {
    this.#lost++
  }

  /** A reply to a probe already counted as lost. */
  lateReply(rttMs: number, sequence: number): void {
    this.#lost--
    this.reply(rttMs, sequence)
  }

  duplicate(): void {
    this.#duplicates++
  }

  snapshot(): PingStatistics {
    const judged = this.#received + this.#lost
    const some = this.#received > 0
    const sorted = [...this.#sample].sort((a, b) => a - b)
    return {
      sent: this.#sent,
      unsent: this.#unsent,
      received: this.#received,
      duplicates: this.#duplicates,
      reordered: this.#reordered,
      lossRatio: judged ? this.#lost / judged : undefined,
      minMs: some ? this.#min : undefined,
      avgMs: some ? this.#mean : undefined,
      maxMs: some ? this.#max : undefined,
      stddevMs: some ? Math.sqrt(this.#squares / this.#measured) : undefined,
      jitterMs: this.#received > 1 ? this.#jitterSum / (this.#received - 1) : undefined,
      p50Ms: percentile(sorted, 0.5),
      p95Ms: percentile(sorted, 0.95),
      p99Ms: percentile(sorted, 0.99),
    }
  }

  /** Mean and variance by Welford's method, which loses no digits to large sums of squares. */
  #addRtt(rttMs: number): void {
    this.#measured++
    this.#min = Math.min(this.#min, rttMs)
    this.#max = Math.max(this.#max, rttMs)
    const distance = rttMs - this.#mean
    this.#mean += distance / this.#measured
    this.#squares += distance * (rttMs - this.#mean)
    if (this.#sample.length < reservoirSize) this.#sample.push(rttMs)
    else {
      const slot = Math.floor(Math.random() * this.#measured)
      if (slot < reservoirSize) this.#sample[slot] = rttMs
    }
  }
}

/** Mean absolute difference between successive values; undefined for fewer than two. */
export function meanDifference(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined
  let sum = 0
  for (let i = 1; i < values.length; i++) sum += Math.abs(values[i]! - values[i - 1]!)
  return sum / (values.length - 1)
}

/** Interpolates linearly between the two nearest ranks. */
export function percentile(sorted: readonly number[], fraction: number): number | undefined {
  if (sorted.length === 0) return undefined
  const rank = (sorted.length - 1) * fraction
  const below = sorted[Math.floor(rank)]!
  return below + (sorted[Math.ceil(rank)]! - below) * (rank % 1)
}
