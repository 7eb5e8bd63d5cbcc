import type { ResultQueue } from './result-queue.js'

/** The async iterable of a call with many results. You can consume it once. */
export class ResultStream<T> implements AsyncIterableIterator<T, undefined> {
  readonly #results: ResultQueue<T>
  readonly #signal: AbortSignal | undefined
  readonly #start: (() => Promise<void>) | undefined
  #started = false

  /** `start` runs at the first `next()`, and its failure is the iteration's. The signal counts from then on. */
  constructor(results: ResultQueue<T>, signal?: AbortSignal, start?: () => Promise<void>) {
    this.#results = results
    this.#signal = signal
    this.#start = start
  }

  /** Returns itself. */
  [Symbol.asyncIterator](): this {
    return this
  }

  /** The next result. The first call starts the work. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (!this.#started) {
      this.#started = true
      this.#results.endWith(this.#signal)
      if (!this.#results.ended) this.#start?.().catch(reason => this.#results.end({ reason }))
    }
    return this.#results.next()
  }

  /** Ends the work immediately, even while a `next()` is waiting. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#results.end()
    this.#results.clear()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** The same as `return()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
