import { invalidArgument } from '../../errors.js'
import { type Check, longestTimer, number, type Schema } from '../../options.js'
import { ResultQueue } from '../../runtime/result-queue.js'
import { type PingStatistics, RttCounter } from '../../stats.js'
import {
  acquirePath,
  checkPingOptions,
  defaultTimeout,
  findTarget,
  type PingOptions,
  pingSchema,
  prepare,
} from './ping-options.js'
import { EchoRequest, type ProbeOwner } from './probe/echo-request.js'
import type { PingResult } from './result.js'
import { Series } from './series.js'

export interface PingsOptions extends PingOptions {
  /** How many requests. Default: no end. */
  count?: number
  /** Milliseconds from one request to the next, at least 0.1. Default 1000. */
  interval?: number
}

const countCheck: Check = (value, name) => {
  if (typeof value === 'number' && (value === Number.POSITIVE_INFINITY || Number.isSafeInteger(value)) && value > 0)
    return value
  throw invalidArgument(name, value, 'a positive integer or Infinity')
}

const schema: Schema = { ...pingSchema, count: countCheck, interval: number(0.1, longestTimer) }

/** Results kept for a slow consumer; the oldest give way, and live on in the statistics alone. */
const resultsKept = 10_000
/** A reply that comes this much after its timeout takes the loss back in the statistics. */
const lateMs = 10_000

/**
 * A series of ICMP echo requests: an async iterable of results, in the order in which they are known, with live
 * `statistics`. It starts with the first `next()`. Request n leaves at start + n · interval without drift; where
 * more than 16 series run, up to a 25th of the interval (40 ms at most) later, together with those of others. It does not wait for
 * answers, nor for the consumer: up to 10,000 results are kept, then the oldest give way (the statistics have them).
 *
 * A group (multicast, or a broadcast address with `broadcast`) is answered by several hosts: each is a result of its own, with the
 * same `sequence` and its address in `from`, while the timeout of the request lasts.
 *
 * A reply up to 10 s after its timeout takes back the loss; requests in flight count neither as answered nor as lost.
 * A device that is deleted or down makes `send-failed` results (ENODEV, ENETUNREACH, …). When it is back the next request
 * leaves within 200 ms, however long the interval, and the schedule goes on from there. `break`, `return()` and the
 * signal end it and leave nothing open.
 *
 * @throws NetviaError as `ping`; the iteration rejects with `signal.reason` when aborted.
 */
export function pings(host: string, options: PingsOptions = {}): PingSeries {
  return new PingSeries(host, checkPingOptions('pings', host, options, schema))
}

/** What `pings` gives: consumed once. */
export class PingSeries implements AsyncIterableIterator<PingResult> {
  readonly #host: string
  readonly #options: PingsOptions
  readonly #counter = new RttCounter()
  readonly #results = new ResultQueue<PingResult>({ capacity: resultsKept })
  #series: Series | undefined
  #started = false

  /** @internal */
  constructor(host: string, options: PingsOptions) {
    this.#host = host
    this.#options = options
  }

  /** Of all so far, at this moment. */
  get statistics(): PingStatistics {
    return this.#counter.snapshot()
  }

  /** Itself. */
  [Symbol.asyncIterator](): this {
    return this
  }

  /** The next result; the first call starts the series. */
  next(): Promise<IteratorResult<PingResult, undefined>> {
    if (!this.#started) {
      this.#started = true
      if (!this.#results.ended) this.#start().catch(reason => this.#end({ reason }))
    }
    this.#endIfTold()
    return this.#results.next()
  }

  /** Ends it now, even while a `next()` waits. */
  return(): Promise<IteratorResult<PingResult, undefined>> {
    this.#end()
    this.#results.clear()
    return Promise.resolve({ done: true, value: undefined })
  }

  readonly #onAbort = () => {
    this.#results.clear()
    this.#end({ reason: this.#options.signal!.reason })
  }

  /** Until the consumer has seen all and asks for more, late replies still count. */
  #endIfTold(): void {
    if (this.#series?.isTold && this.#results.size === 0) this.#end()
  }

  #end(failure?: { reason: unknown }): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#series?.end()
    this.#results.end(failure)
  }

  async #start(): Promise<void> {
    const { signal, count = Number.POSITIVE_INFINITY, interval = 1000, timeout = defaultTimeout, ttl } = this.#options
    signal?.throwIfAborted()
    const target = await findTarget(this.#host, this.#options)
    signal?.throwIfAborted()
    if (this.#results.ended) return
    const path = acquirePath(target.family, this.#options)
    await path.ready
    if (this.#results.ended || signal?.aborted) {
      path.release()
      signal?.throwIfAborted()
      return
    }
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    const { address, template } = prepare(target, this.#options)
    const { device } = this.#options
    const request = { lateMs, hops: ttl, prompt: false }
    const settings = {
      ...{ target, address, path, device, count, interval, timeout, counter: this.#counter },
      makeRequest: (owner: ProbeOwner) => new EchoRequest(owner, template, timeout, request),
    }
    const endIfAwaited = () => {
      if (this.#results.isAwaited) this.#endIfTold()
    }
    const tell = (result: PingResult) => {
      this.#results.push(result)
      endIfAwaited()
    }
    this.#series = new Series(settings, tell, endIfAwaited)
  }
}
