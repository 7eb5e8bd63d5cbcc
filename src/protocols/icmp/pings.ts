import { invalidArgument } from '../../errors.js'
import { type Check, number, type Schema } from '../../options.js'
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
import { Probe } from './probe.js'
import type { PingResult } from './result.js'
import { Series } from './series.js'

export interface PingsOptions extends PingOptions {
  /** How many requests. Default: no end. */
  count?: number
  /** Milliseconds from one request to the next, at least 0.1. Default 1000. */
  interval?: number
}

const countCheck: Check = (value, name) => {
  if (value !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(value) && (value as number) > 0)) {
    throw invalidArgument(name, value, 'a positive integer or Infinity')
  }
}

const schema: Schema = { ...pingSchema, count: countCheck, interval: number(0.1, 2 ** 31 - 1) }

/** A reply that comes this much after its timeout takes the loss back in the statistics. */
const lateMs = 10_000

/**
 * A series of ICMP echo requests: an async iterable of results, in the order in which they are known, with live
 * `statistics`. It starts with the first `next()`. Request n leaves at start + n · interval without drift, and does not wait
 * for answers, nor for the consumer: up to 10,000 results are kept, then the oldest give way (the statistics have them).
 *
 * A reply up to 10 s after its timeout takes back the loss; requests in flight count neither as answered nor as lost.
 * A device that is deleted or down makes `send-failed` results (ENODEV, ENETUNREACH, …). When it is back the next request
 * leaves within 200 ms, however long the interval, and the schedule goes on from there. `break`, `return()` and the
 * signal end it and leave nothing open.
 *
 * @throws NetviaError as `ping`; the iteration rejects with `signal.reason` when aborted.
 */
export function pings(host: string, options: PingsOptions = {}): PingSeries {
  checkPingOptions('pings', host, options, schema)
  return new PingSeries(host, options)
}

/** What `pings` gives: consumed once. */
export class PingSeries implements AsyncIterableIterator<PingResult> {
  readonly #counter = new RttCounter()
  readonly #results: AsyncGenerator<PingResult, undefined>
  readonly #stop = new AbortController()
  #series: Series | undefined

  /** @internal */
  constructor(host: string, options: PingsOptions) {
    this.#results = this.#run(host, options)
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
    return this.#results.next()
  }

  /** Ends it now, even while a `next()` waits. */
  return(): Promise<IteratorResult<PingResult, undefined>> {
    this.#stop.abort()
    this.#series?.end()
    return this.#results.return(undefined)
  }

  async *#run(host: string, options: PingsOptions): AsyncGenerator<PingResult, undefined> {
    const { signal } = options
    signal?.throwIfAborted()
    const series = await this.#start(host, options)
    if (!series) return
    const onAbort = () => series.fail(signal!.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      for (let result = await series.take(); result; result = await series.take()) yield result
    } finally {
      signal?.removeEventListener('abort', onAbort)
      series.end()
    }
  }

  /** `undefined` when it was ended while the name was looked up. */
  async #start(host: string, options: PingsOptions): Promise<Series | undefined> {
    const { signal, count = Number.POSITIVE_INFINITY, interval = 1000, timeout = defaultTimeout, ttl } = options
    const target = await findTarget(host, options)
    signal?.throwIfAborted()
    if (this.#stop.signal.aborted) return undefined
    const { address, template } = prepare(target, options)
    const path = acquirePath(target.family, options)
    await path.ready
    this.#series = new Series({
      target,
      path,
      device: options.device,
      count,
      interval,
      counter: this.#counter,
      makeProbe: (owner, sequence) => new Probe(owner, address, template, timeout, lateMs, ttl, sequence),
    })
    if (this.#stop.signal.aborted) this.#series.end()
    if (signal?.aborted) this.#series.fail(signal.reason)
    return this.#series
  }
}
