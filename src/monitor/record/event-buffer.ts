/** Events kept for a reader who is slow, at most; the oldest give way. */
const capacity = 1024

interface Waiting<T> {
  resolve(result: IteratorResult<T>): void
  reject(reason: unknown): void
}

/** An event as a reader of a stream gets it. */
export type Streamed<T> = T & {
  /** Events before this one that gave way, because the reader was too slow. */
  missed?: number
}

/** Events for one reader, until the source ends them, the reader stops reading, or the signal fires. */
export class EventBuffer<T extends object> implements AsyncIterableIterator<Streamed<T>> {
  readonly #signal: AbortSignal | undefined
  readonly #closed: (buffer: EventBuffer<T>) => void
  readonly #events: T[] = []
  readonly #waiting: Waiting<Streamed<T>>[] = []
  readonly #onAbort = () => this.end()
  #missed = 0
  #ended = false

  /** `closed` is called once, when nothing more is wanted. */
  constructor(signal: AbortSignal | undefined, closed: (buffer: EventBuffer<T>) => void) {
    this.#signal = signal
    this.#closed = closed
    signal?.addEventListener('abort', this.#onAbort)
    if (signal?.aborted) this.end()
  }

  push(event: T): void {
    const reader = this.#waiting.shift()
    if (reader) {
      reader.resolve({ done: false, value: event })
    } else if (this.#events.push(event) > capacity) {
      this.#events.shift()
      this.#missed++
    }
  }

  /** No more events: what is here can still be read. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#closed(this)
    for (const reader of this.#waiting.splice(0)) this.#answer(reader)
  }

  next(): Promise<IteratorResult<Streamed<T>>> {
    return new Promise((resolve, reject) => {
      if (this.#events.length > 0 || this.#ended) this.#answer({ resolve, reject })
      else this.#waiting.push({ resolve, reject })
    })
  }

  return(): Promise<IteratorResult<Streamed<T>>> {
    this.#events.length = 0
    this.end()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #answer({ resolve, reject }: Waiting<Streamed<T>>): void {
    const event = this.#events.shift()
    if (this.#signal?.aborted) reject(this.#signal.reason)
    else if (!event) resolve({ done: true, value: undefined })
    else resolve({ done: false, value: this.#missed ? { ...event, missed: this.#missed } : event })
    this.#missed = 0
  }
}
