import { ResultQueue } from '../../runtime/result-queue.js'
import { ResultStream } from '../../runtime/result-stream.js'

/** How many events are kept for a slow reader. The oldest are dropped. */
const capacity = 1024

/** An event as a reader of a stream gets it. */
export type Streamed<T> = T & {
  /** Events before this one that gave way, because the reader was too slow. */
  missed?: number
}

/** Events for one reader, until the source ends them, the reader stops reading, or the signal fires. */
export class EventBuffer<T extends object> extends ResultStream<Streamed<T>> {
  readonly #signal: AbortSignal | undefined
  readonly #events: ResultQueue<Streamed<T>>
  #dropped = 0

  /** `closed` is called once, when nothing more is wanted. */
  constructor(signal: AbortSignal | undefined, closed: (buffer: EventBuffer<T>) => void) {
    const events = new ResultQueue<Streamed<T>>({ capacity, ended: () => closed(this) })
    super(events)
    this.#signal = signal
    this.#events = events
    events.endWith(signal)
  }

  push(event: T): void {
    this.#events.push(event)
  }

  /** No more events come. Waiting ones can still be read. */
  end(): void {
    this.#events.end()
  }

  override async next(): Promise<IteratorResult<Streamed<T>, undefined>> {
    this.#signal?.throwIfAborted()
    const missed = this.#events.dropped - this.#dropped
    this.#dropped += missed
    const next = await super.next()
    return missed === 0 || next.done ? next : { done: false, value: { ...next.value, missed } }
  }
}
