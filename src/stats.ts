/** Statistics of round trips. Milliseconds; `undefined` until there is something to tell. */
export interface PingStatistics {
  /** Probes that left. */
  sent: number
  /** Probes that never left this machine: `send-failed`. They count neither as sent nor as lost. */
  unsent: number
  /** Probes that were answered, however late. */
  received: number
  /** Further replies to probes already answered. */
  duplicates: number
  /** Replies that came in after the reply of a probe sent later. */
  reordered: number
  /** 0-1, of the probes with a verdict: those still in flight count in neither direction. */
  lossRatio: number | undefined
  /** Shortest round trip. */
  minMs: number | undefined
  /** Mean round trip. */
  avgMs: number | undefined
  /** Longest round trip. */
  maxMs: number | undefined
  /** Standard deviation, of the population. */
  stddevMs: number | undefined
  /** Mean absolute difference of successive round trips. */
  jitterMs: number | undefined
  /** Median: exact up to 4096 round trips, of a uniform sample beyond. */
  p50Ms: number | undefined
  /** 95th percentile, in the same way. */
  p95Ms: number | undefined
  /** 99th percentile, in the same way. */
  p99Ms: number | undefined
}

/** Round trips kept for percentiles: exact up to here, a uniform sample (Vitter's algorithm R) beyond. */
export const reservoirSize = 4096

/** Counts probes and their round trips as they come, in memory that does not grow. */
export class RttCounter {
  #sent = 0
  #unsent = 0
  #received = 0
  /** Round trips: of a probe to a group there is one for each host. */
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

  /** It did not leave after all: no probe, and no loss. */
  refused(): void {
    this.#sent--
    this.#unsent++
  }

  /** `sequence`: of the probe, in the order of sending. */
  reply(rttMs: number, sequence: number): void {
    if (sequence < this.#newest) this.#reordered++
    else this.#newest = sequence
    this.#received++
    if (this.#previous !== undefined) this.#jitterSum += Math.abs(rttMs - this.#previous)
    this.#previous = rttMs
    this.#addRtt(rttMs)
  }

  /** A further host of a group has answered a probe: one more round trip, and no more probes answered. */
  further(rttMs: number): void {
    this.#addRtt(rttMs)
  }

  lost(): void {
    this.#lost++
  }

  /** A reply to a probe that was counted as lost. */
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

  /** Mean and variance by Welford's method: no sum of squares that loses digits. */
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

/** Mean absolute difference of successive values; undefined below two. */
export function meanDifference(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined
  let sum = 0
  for (let i = 1; i < values.length; i++) sum += Math.abs(values[i]! - values[i - 1]!)
  return sum / (values.length - 1)
}

/** Linear between the two nearest ranks. */
export function percentile(sorted: readonly number[], fraction: number): number | undefined {
  if (sorted.length === 0) return undefined
  const rank = (sorted.length - 1) * fraction
  const below = sorted[Math.floor(rank)]!
  return below + (sorted[Math.ceil(rank)]! - below) * (rank % 1)
}
