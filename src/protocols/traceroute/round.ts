import type { PingResult } from '../icmp/result.js'
import type { TraceProbe } from './prober.js'

/** What a round needs from one flow of a series. */
export interface RoundPlan {
  firstHop: number
  /** The last hop worth probing. The round reads it again as answers come in. */
  last(): number
  /** Probes in flight. */
  atOnce: number
  /** As in `Prober`. */
  send(ttl: number, settled: (probe: TraceProbe) => void): () => void
  /** Records the outcome of a probe. */
  settled(ttl: number, probe: TraceProbe): PingResult
}

/** Sends one probe to each hop of a route. Cancels probes beyond the end of the route. */
export class Round {
  readonly #plan: RoundPlan
  readonly #cancels = new Map<number, () => void>()
  readonly #ended: () => void
  #next: number

  /** Calls `ended` once, unless the round is cancelled first. */
  constructor(plan: RoundPlan, ended: () => void) {
    this.#plan = plan
    this.#next = plan.firstHop
    this.#ended = ended
    this.#advance()
  }

  cancel(): void {
    this.#giveUpBeyond(0)
  }

  #advance(): void {
    const { atOnce, last, send } = this.#plan
    while (this.#next <= last() && this.#cancels.size < atOnce) {
      const ttl = this.#next++
      this.#cancels.set(
        ttl,
        send(ttl, probe => this.#settled(ttl, probe)),
      )
    }
    if (this.#cancels.size === 0) this.#ended()
  }

  #settled(ttl: number, probe: TraceProbe): void {
    this.#cancels.delete(ttl)
    const { from, outcome } = this.#plan.settled(ttl, probe)
    if (from !== undefined && outcome !== 'ttl-exceeded') {
      this.#next = Number.POSITIVE_INFINITY
      this.#giveUpBeyond(ttl)
    }
    this.#advance()
  }

  #giveUpBeyond(end: number): void {
    for (const [ttl, cancel] of this.#cancels) {
      if (ttl <= end) continue
      cancel()
      this.#cancels.delete(ttl)
    }
  }
}
