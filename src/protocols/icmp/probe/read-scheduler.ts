import { monotonicNow } from '../../../monotonic.js'
import { atTick, longestTickMs, type Tick } from '../../../runtime/ticker.js'

interface ReadSchedulerHandlers {
  /** Somebody waits for an answer. */
  isAwaited(): boolean
  /** The next packet is to wake us. */
  arm(): void
  /** Reads what has come. */
  read(): void
}

/** Steadily: as many packets as this in each longest tick. One series with a short interval is not. */
const steadyPackets = 25

/**
 * When to look for answers. An answer wakes us; but where nobody waits and many packets leave steadily, answers are fetched by
 * the ticks, which are needed for sending anyway. When these end, answers wake us again.
 */
export class ReadScheduler {
  readonly #handlers: ReadSchedulerHandlers
  #isSteady = false
  #sentAt = Number.NEGATIVE_INFINITY
  #countedAt = Number.NEGATIVE_INFINITY
  /** Since then. */
  #count = 0
  #tick: Tick | undefined
  #closed = false

  constructor(handlers: ReadSchedulerHandlers) {
    this.#handlers = handlers
  }

  /** So many packets have left, and what had come by then was read. */
  sent(packets: number): void {
    this.#sentAt = monotonicNow()
    this.#count += packets
    const span = this.#sentAt - this.#countedAt
    if (span >= longestTickMs) {
      this.#isSteady = this.#count >= steadyPackets && span < 3 * longestTickMs
      this.#countedAt = this.#sentAt
      this.#count = 0
    }
    this.listen()
  }

  listen(): void {
    if (this.#closed) return
    if (this.#handlers.isAwaited() || !this.#isSteady) this.#handlers.arm()
    else this.#tick ??= atTick(monotonicNow(), this.#onTick, longestTickMs)
  }

  close(): void {
    this.#closed = true
    this.#tick?.cancel(this.#onTick)
  }

  /** Behind what is to be sent at the same tick. */
  readonly #onTick = (): void => queueMicrotask(this.#look)

  readonly #look = (): void => {
    this.#tick = undefined
    if (this.#closed) return
    const quietMs = monotonicNow() - this.#sentAt
    this.#isSteady &&= quietMs < longestTickMs
    if (quietMs > 1) this.#handlers.read()
    this.listen()
  }
}
