interface Waiter<T> {
  resolve(result: IteratorResult<T, undefined>): void
  reject(reason: unknown): void
}

interface ResultQueueOptions {
  drained?: () => void
  capacity?: number
}

/** Results taken before those behind them move up. */
const tidyAfter = 4096

/**
 * Results on their way from events to `for await`: pushed at any time, taken in order. A failure is told once, after what
 * came before it.
 */
export class ResultQueue<T> {
  readonly #drained: () => void
  readonly #capacity: number
  readonly #results: (T | undefined)[] = []
  /** Of the next unread one: taking from the front of an array costs as much as it is long. */
  #read = 0
  #waiters: Waiter<T>[] = []
  #ended = false
  #failure: { reason: unknown } | undefined

  /**
   * `drained` is called when the last waiting result has been taken: time to go on after back-pressure. Beyond `capacity`
   * the oldest give way; default: none does.
   */
  constructor({ drained = () => {}, capacity = Number.POSITIVE_INFINITY }: ResultQueueOptions = {}) {
    this.#drained = drained
    this.#capacity = capacity
  }

  /** Results that nobody has taken yet. */
  get size(): number {
    return this.#results.length - this.#read
  }

  /** Somebody waits for a result. */
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
      if (this.size >= this.#capacity) this.#takeOldest()
      this.#results.push(value)
    }
  }

  /** No more will come; what is there can still be taken. Only the first call counts. */
  end(failure?: { reason: unknown }): void {
    if (this.#ended) return
    this.#ended = true
    const waiters = this.#waiters
    this.#waiters = []
    if (failure && waiters.length > 0) waiters.shift()!.reject(failure.reason)
    else this.#failure = failure
    for (const { resolve } of waiters) resolve({ done: true, value: undefined })
  }

  /** Forgets what waits, a failure included. */
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
