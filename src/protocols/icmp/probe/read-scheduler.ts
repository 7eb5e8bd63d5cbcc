import { monotonicNow } from '../../../monotonic.js'
import { atTick, longestTickMs, type Tick } from '../../../runtime/ticker.js'

interface ReadSchedulerHandlers {
  /** Whether a caller is waiting for an answer. */
  isAwaited(): boolean
  /** Arranges for the next packet to wake the process. */
  arm(): void
  /** Reads what has arrived. */
  read(): void
}

/** Sending counts as steady from this many packets per longest tick. One series with a short interval stays below it. */
const steadyPackets = 25

/**
 * Decides when to read answers. Normally each answer wakes the process. If no caller waits and many packets leave steadily, the
 * ticks that send them also read the answers. When they end, answers wake the process again.
 */
export class ReadScheduler {
  readonly #handlers: ReadSchedulerHandlers
  #isSteady = false
  #sentAt = Number.NEGATIVE_INFINITY
  #countedAt = Number.NEGATIVE_INFINITY
  /** Packets sent since then. */
  #count = 0
  #tick: Tick | undefined
  #closed = false

  constructor(handlers: ReadSchedulerHandlers) {
    this.#handlers = handlers
  }

  /** This many packets have left, and everything that had arrived by then has been read. */
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

  /** Runs after the sends of the same tick. */
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
