import { invalidArgument } from '../../errors.js'
import { boolean, type Check, integer, longestTimer, number, type Schema } from '../../options.js'
import { noLongerNeeded } from '../../runtime/deadline.js'
import { ResultQueue } from '../../runtime/result-queue.js'
import { ResultStream } from '../../runtime/result-stream.js'
import { type PingStatistics, RttCounter } from '../../stats.js'
import {
  acquirePath,
  checkPingOptions,
  findTarget,
  type PingOptions,
  pingDefaults,
  pingSchema,
  prepare,
} from './ping-options.js'
import { EchoRequest, type ProbeOwner } from './probe/echo-request.js'
import type { PingResult } from './result.js'
import { burst, Series } from './series.js'

export interface PingsOptions extends PingOptions {
  /** Number of requests. Default: unlimited. */
  count?: number
  /** Milliseconds between requests, at least 0.1. Default 1000. */
  interval?: number
  /**
   * Send the next request as soon as a reply arrives, and after `interval` without one, like `ping -A`. Requests leave at most
   * every 2 ms, or every `interval` if that is shorter. Default: false.
   */
  adaptive?: boolean
  /** Requests that leave together at the start, 1-64, like `ping -l`. Default: 1. */
  preload?: number
}

const countCheck: Check = (value, name) => {
  if (typeof value === 'number' && (value === Number.POSITIVE_INFINITY || Number.isSafeInteger(value)) && value > 0)
    return value
  throw invalidArgument(name, value, 'a positive integer or Infinity')
}

export const pingsSchema = {
  ...pingSchema,
  count: countCheck,
  interval: number(0.1, longestTimer),
  adaptive: boolean,
  preload: integer(1, burst),
} satisfies Schema

export const pingsDefaults = { ...pingDefaults, interval: 1000, preload: 1 } as const

/** Results kept for a slow consumer. Beyond that the oldest are dropped; the statistics still count them. */
const resultsKept = 10_000
/** A reply up to this many milliseconds after its timeout takes the loss back in the statistics. */
const lateMs = 10_000

/**
 * Sends a series of ICMP echo requests. Returns an async iterable of results, in the order in which they become known, with
 * live `statistics`.
 *
 * The series starts with the first `next()`. Request n leaves at start + n · interval, without drift (except with `adaptive`). If more than 16 series
 * run, requests share timer ticks and leave up to a 25th of the interval later (40 ms at most). Sending waits neither for
 * answers nor for the consumer. The series keeps up to 10,000 results, then drops the oldest; the statistics still count them.
 *
 * Several hosts may answer a group (multicast, or a broadcast address with `broadcast`). Each reply within the timeout is a
 * result of its own, with the same `sequence` and the host's address in `from`. This machine's own answer doesn't count, except
 * on loopback.
 *
 * A reply up to 10 s after its timeout takes the loss back. Requests in flight count neither as answered nor as lost. While the
 * device is deleted or down, results are `send-failed` (ENODEV, ENETUNREACH, …). When it returns, the next request leaves
 * within 200 ms, however long the interval, and the schedule continues from there. `break`, `return()` and the signal end the
 * series and leave nothing open.
 *
 * @throws NetviaError as `ping`; the iteration rejects with `signal.reason` when aborted.
 */
export function pings(host: string, options: PingsOptions = {}): PingSeries {
  return new PingSeries(host, checkPingOptions('pings', host, options, pingsSchema))
}

/** The async iterable that `pings` returns. You can consume it once. */
export class PingSeries extends ResultStream<PingResult> {
  readonly #host: string
  readonly #options: PingsOptions
  readonly #counter = new RttCounter()
  readonly #results: ResultQueue<PingResult>
  readonly #stop = new AbortController()
  #series: Series | undefined

  /** @internal */
  constructor(host: string, options: PingsOptions) {
    const results = new ResultQueue<PingResult>({ capacity: resultsKept, ended: () => this.#end() })
    super(results, options.signal, () => this.#start())
    this.#results = results
    this.#host = host
    this.#options = options
  }

  /** Statistics of all requests so far. */
  get statistics(): PingStatistics {
    return this.#counter.snapshot()
  }

  override next(): Promise<IteratorResult<PingResult, undefined>> {
    this.#endIfTold()
    return super.next()
  }

  /** Late replies count until the consumer has read every result and asks for more. */
  #endIfTold(): void {
    if (this.#series?.isComplete && this.#results.size === 0) this.#results.end()
  }

  async #start(): Promise<void> {
    const { count = Number.POSITIVE_INFINITY, ttl, device, adaptive = false } = this.#options
    const {
      interval = pingsDefaults.interval,
      timeout = pingsDefaults.timeout,
      preload = pingsDefaults.preload,
    } = this.#options
    const target = await findTarget(this.#host, { ...this.#options, signal: this.#stop.signal })
    if (this.#results.ended) return
    const path = acquirePath(target.family, this.#options)
    await path.ready
    if (this.#results.ended) return path.release()
    const { address, template } = prepare(target, this.#options)
    const request = { lateMs, hops: ttl, prompt: false }
    const settings = {
      ...{ target, address, path, device, count, interval, adaptive, preload, timeout, counter: this.#counter },
      makeRequest: (owner: ProbeOwner) => new EchoRequest(owner, template, timeout, request),
    }
    const endIfAwaited = () => {
      if (this.#results.isAwaited) this.#endIfTold()
    }
    const push = (result: PingResult) => {
      this.#results.push(result)
      endIfAwaited()
    }
    this.#series = new Series(settings, push, endIfAwaited)
  }

  #end(): void {
    this.#stop.abort(noLongerNeeded)
    this.#series?.end()
  }
}
