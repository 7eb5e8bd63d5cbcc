import { LatencyCounts } from './latency-counts.js'

/** Results of a target over several minutes of the history file. */
export class MinuteCounts {
  good = 0
  bad = 0
  readonly latencies = new LatencyCounts()

  /** A row of `minute`, with these columns. */
  add({ good, bad, latencies }: Record<string, unknown>): void {
    this.good += good as number
    this.bad += bad as number
    // Node 22 takes an empty array for NULL.
    if (latencies) this.latencies.addBytes(latencies as Uint8Array)
  }
}
