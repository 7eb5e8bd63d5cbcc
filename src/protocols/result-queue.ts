interface Waiter<T> {
  resolve(result: IteratorResult<T, undefined>): void
  reject(reason: unknown): void
}

/**
 * Results on their way from events to `for await`: pushed at any time, taken in order. A failure is told once, after what
 * came before it.
 */
export class ResultQueue<T> {
  readonly #drained: () => void
  #results: T[] = []
  /** Of the next unread one: taking from the front of an array costs as much as it is long. */
  #read = 0
  #waiters: Waiter<T>[] = []
  #ended = false
  #failure: { reason: unknown } | undefined

  /** `drained` is called when the last waiting result has been taken: time to go on after back-pressure. */
  constructor(drained: () => void = () => {}) {
    this.#drained = drained
  }

  /** Results that nobody has taken yet. */
  get size(): number {
    return this.#results.length - this.#read
  }

  get ended(): boolean {
    return this.#ended
  }

  push(value: T): void {
    if (this.#ended) return
    const waiter = this.#waiters.shift()
    if (waiter) waiter.resolve({ done: false, value })
    else this.#results.push(value)
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
    this.#results = []
    this.#read = 0
    this.#failure = undefined
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.size > 0) {
      const value = this.#results[this.#read++]!
      if (this.size === 0) {
        this.#results = []
        this.#read = 0
        this.#drained()
      }
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
}
