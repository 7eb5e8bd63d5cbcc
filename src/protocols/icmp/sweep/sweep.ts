import { monotonicNow } from '../../../monotonic.js'
import { integer, number, type Schema } from '../../../options.js'
import { ResultQueue } from '../../../runtime/result-queue.js'
import { ResultStream } from '../../../runtime/result-stream.js'
import { type PingStatistics, RttCounter } from '../../../stats.js'
import { countTargets, keepTargets, type Targets } from '../../targets/target-source.js'
import { checkProbeOptions, type PingOptions, pingSchema } from '../ping-options.js'
import type { PingResult } from '../result.js'
import { SweepRun } from './sweep-run.js'

export interface SweepOptions extends PingOptions {
  /** Total requests per second, sent by ticks of 40 ms. Default: as fast as answers can be read. */
  rate?: number
  /** Further requests to a target that doesn't answer or could not be asked, 0-100. Default 0. */
  retries?: number
  /** Milliseconds to wait for the answer to each request. Default 1000. */
  timeout?: number
  /** Maximum requests in flight. Default: what the receive buffer holds, reduced while the kernel drops packets. */
  concurrency?: number
}

/** The progress of a sweep. */
export interface SweepProgress {
  /** Total number of targets; `undefined` unless they were given as an array or one string. */
  total: number | undefined
  /** Requests sent. */
  sent: number
  /** Requests sent again to targets that had not answered. */
  retried: number
  /** Targets with any answer, including ICMP errors. */
  answered: number
  /** Targets with a verdict. */
  done: number
  /** Requests without a verdict yet. */
  inFlight: number
  /** Targets without a verdict yet, if `total` is known. */
  remaining: number | undefined
  /** Packets the kernel dropped because the receive buffer was full: lost on this machine, not in the network. */
  dropped: number
  /** Milliseconds since the sweep began, or its total duration once it has ended. */
  elapsedMs: number
  /** Average number of targets done per second. */
  rate: number
  /** Milliseconds until the remaining targets are done at this rate, if known. */
  etaMs: number | undefined
}

export const sweepSchema = {
  ...pingSchema,
  rate: number(0.001, 10_000_000),
  retries: integer(0, 100),
  concurrency: integer(1, 60_000),
} satisfies Schema

/** Results kept for a slow consumer. At this number sending stops until some are taken. */
const capacity = 10_000

/**
 * Sends ICMP echo requests to many targets. Returns an async iterable of results as they come, with live `progress` and
 * `statistics`. Targets are names, addresses, CIDR blocks and ranges (`10.0.0.1-10.0.3.254`), IPv4 and IPv6, in a string or any
 * iterable. They are drawn on demand, so a /8 starts immediately. IPv4 blocks up to /30 exclude the network and broadcast
 * address.
 *
 * The sweep starts with the first `next()`. A slow consumer slows sending down. `break`, `return()` and the signal end the
 * sweep and leave nothing open. A group (multicast, or a broadcast address with `broadcast`) gives one result for each host
 * that answers, with its address in `from`. This machine's own answer doesn't count, except on loopback. A name without an
 * address is `send-failed` with the error of `resolve`. `sequence` is the number of the attempt.
 *
 * @throws NetviaError as `ping`: the call throws for bad options, the iteration for errors that appear later.
 */
export function sweep(targets: Targets, options: SweepOptions = {}): Sweep {
  return new Sweep(keepTargets(targets, 'sweep'), checkProbeOptions('sweep', options, sweepSchema))
}

/** The async iterable that `sweep` returns. You can consume it once. */
export class Sweep extends ResultStream<PingResult> {
  readonly #targets: Targets
  readonly #options: SweepOptions
  readonly #total: number | undefined
  readonly #counter = new RttCounter()
  readonly #results: ResultQueue<PingResult>
  #run: SweepRun | undefined
  #startedAt = 0
  #endedAt: number | undefined

  /** @internal */
  constructor(targets: Targets, options: SweepOptions) {
    const results = new ResultQueue<PingResult>({ drained: () => this.#run?.resume(), ended: () => this.#stop() })
    super(results, options.signal, () => this.#start())
    this.#results = results
    this.#targets = targets
    this.#options = options
    this.#total = countTargets(targets, 'sweep')
  }

  /** Statistics of all requests so far. */
  get statistics(): PingStatistics {
    return this.#counter.snapshot()
  }

  /** The progress so far. */
  get progress(): SweepProgress {
    const { sent, retried, answered, done } = this.#run?.counts ?? { sent: 0, retried: 0, answered: 0, done: 0 }
    const elapsedMs = this.#startedAt === 0 ? 0 : (this.#endedAt ?? monotonicNow()) - this.#startedAt
    const rate = elapsedMs === 0 ? 0 : (done / elapsedMs) * 1000
    const total = this.#total
    const remaining = total === undefined ? undefined : total - done
    const etaMs = remaining === undefined || rate === 0 ? undefined : (remaining / rate) * 1000
    const inFlight = this.#run?.inFlight ?? 0
    const dropped = this.#run?.drops ?? 0
    return { total, sent, retried, answered, done, inFlight, remaining, dropped, elapsedMs, rate, etaMs }
  }

  async #start(): Promise<void> {
    this.#startedAt = monotonicNow()
    this.#run = new SweepRun(this.#targets, this.#options, this.#counter, {
      result: result => this.#results.push(result),
      end: failure => this.#results.end(failure),
      full: () => this.#results.size >= capacity,
    })
    this.#run.pump()
  }

  #stop(): void {
    this.#endedAt = monotonicNow()
    this.#run?.close()
  }
}
