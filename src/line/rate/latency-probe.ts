import { monotonicNow } from '../../monotonic.js'
import type { PathOptions } from '../../options.js'
import { type PingSeries, pings } from '../../protocols/icmp/pings.js'
import type { PingResult } from '../../protocols/icmp/result.js'
import { type PingStatistics, RttCounter } from '../../stats.js'

/** Milliseconds between pings. */
export const probeInterval = 100
/** Milliseconds to wait for an answer while the load goes on: some lines queue for seconds. */
const patience = 10_000
/** Milliseconds to wait for answers after the load. The queues are empty then. */
const lastAnswers = 2000
/** A cookie, and little more: the probes must not be a load. */
const payloadSize = 16

/**
 * Pings a host steadily beside a load. It is a flow of its own, and the kernel takes both times: a busy program or a full socket
 * changes none.
 */
export class LatencyProbe {
  readonly #series: PingSeries
  readonly #count: number
  readonly #results: PingResult[] = []
  readonly #reading: Promise<void>
  #ended = false

  constructor(address: string, path: PathOptions, milliseconds: number) {
    this.#count = Math.ceil(milliseconds / probeInterval)
    this.#series = pings(address, {
      ...path,
      count: this.#count,
      interval: probeInterval,
      timeout: patience,
      payloadSize,
    })
    this.#reading = this.#read()
    this.#reading.catch(() => {})
  }

  async #read(): Promise<void> {
    try {
      for await (const result of this.#series) this.#results[result.sequence] = result
    } finally {
      this.#ended = true
    }
  }

  /** Statistics of the requests of that time since the start. Waits for their answers. */
  async between(fromMs: number, toMs: number): Promise<PingStatistics> {
    const first = Math.ceil(fromMs / probeInterval)
    const last = Math.min(Math.floor(toMs / probeInterval), this.#count - 1)
    const isKnown = () => {
      for (let i = first; i <= last; i++) if (!this.#results[i]) return false
      return true
    }
    const until = monotonicNow() + lastAnswers
    while (!this.#ended && !isKnown() && monotonicNow() < until)
      await new Promise(resolve => setTimeout(resolve, probeInterval / 4))
    if (this.#ended) await this.#reading
    const counter = new RttCounter()
    for (let i = first; i <= last; i++) {
      const result = this.#results[i]
      counter.sent()
      if (!result) counter.lost()
      else if (result.outcome === 'reply') counter.reply(result.rttMs, result.sequence)
      else if (result.outcome === 'send-failed') counter.refused()
      else counter.lost()
    }
    return counter.snapshot()
  }

  close(): void {
    this.#ended = true
    void this.#series.return()
  }
}
