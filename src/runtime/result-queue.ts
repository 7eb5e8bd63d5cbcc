interface Waiter<T> {
  resolve(result: IteratorResult<T, undefined>): void
  reject(reason: unknown): void
}

interface ResultQueueOptions {
  /** Called when the last waiting result has been taken, so that a paused producer can continue. */
  drained?: () => void
  /** Called once when no more results will come, whatever ended the queue. */
  ended?: () => void
  /** Beyond it the oldest results are dropped. Default: no limit. */
  capacity?: number
}

/** How many results are taken before the array is compacted. */
const tidyAfter = 4096

/**
 * A queue of results between events and `for await`. You can push at any time, and results come out in order. A failure comes
 * out once, after the results before it.
 */
export class ResultQueue<T> {
  readonly #drained: () => void
  readonly #onEnd: () => void
  readonly #capacity: number
  readonly #results: (T | undefined)[] = []
  /** Index of the next unread result: removing from the front of an array costs time in proportion to its length. */
  #read = 0
  #waiters: Waiter<T>[] = []
  #ended = false
  #failure: { reason: unknown } | undefined
  #dropped = 0
  #signal: AbortSignal | undefined
  readonly #onAbort = () => {
    this.clear()
    this.end({ reason: this.#signal!.reason })
  }

  constructor(options: ResultQueueOptions = {}) {
    const { drained = () => {}, ended = () => {}, capacity = Number.POSITIVE_INFINITY } = options
    this.#drained = drained
    this.#onEnd = ended
    this.#capacity = capacity
  }

  /** Results not taken yet. */
  get size(): number {
    return this.#results.length - this.#read
  }

  /** Results dropped so far, because the consumer was too slow. */
  get dropped(): number {
    return this.#dropped
  }

  /** Whether a consumer waits for a result. */
  get isAwaited(): boolean {
    return this.#waiters.length > 0
  }

  get ended(): boolean {
    return this.#ended
  }

  push(value: T): void {
    if (this.#ended) return
    if (this.#waiters.length > 0) this.#waiters.shift()!.resolve({ done: false, value })
    else {
      if (this.size >= this.#capacity) {
        this.#takeOldest()
        this.#dropped++
      }
      this.#results.push(value)
    }
  }

  /** No more results will come. Waiting ones can still be taken. Only the first call counts. */
  end(failure?: { reason: unknown }): void {
    if (this.#ended) return
    this.#ended = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#onEnd()
    const waiters = this.#waiters
    this.#waiters = []
    if (failure && waiters.length > 0) waiters.shift()!.reject(failure.reason)
    else this.#failure = failure
    for (const { resolve } of waiters) resolve({ done: true, value: undefined })
  }

  /** From now on the signal ends the queue with its reason, and drops the waiting results. */
  endWith(signal: AbortSignal | undefined): void {
    if (!signal || this.#ended) return
    this.#signal = signal
    signal.addEventListener('abort', this.#onAbort)
    if (signal.aborted) this.#onAbort()
  }

  /** Drops all waiting results and any failure. */
  clear(): void {
    this.#results.length = 0
    this.#read = 0
    this.#failure = undefined
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.size > 0) {
      const value = this.#takeOldest()
      if (this.size === 0) this.#drained()
      return Promise.resolve({ done: false, value })
    }
    if (this.#failure) {
      const { reason } = this.#failure
      this.#failure = undefined
      return Promise.reject(reason)
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  #takeOldest(): T {
    const value = this.#results[this.#read] as T
    this.#results[this.#read++] = undefined
    if (this.size === 0) {
      this.#results.length = 0
      this.#read = 0
    } else if (this.#read === tidyAfter) {
      this.#results.splice(0, this.#read)
      this.#read = 0
    }
    return value
  }
}
