import { tickMs } from '../../../runtime/ticker.js'

/** Minimum wait in milliseconds. Packets leave by ticks, because waking for each would cost more than sending it. */
const leastWait = tickMs / 2
/** Milliseconds' worth of packets that may be caught up immediately after the event loop was late. */
const burstMs = 60

/** A token bucket for packets per second. It sends by ticks, in bursts of up to 60 ms. */
export class Pace {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #filledAt: number

  constructor(perSecond: number, now: number) {
    this.#perMs = perSecond / 1000
    this.#burst = Math.max(1, this.#perMs * burstMs)
    this.#tokens = 1
    this.#filledAt = now
  }

  /** Returns true if one packet may leave now. */
  take(now: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAt) * this.#perMs)
    this.#filledAt = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  /** Milliseconds until the caller should ask for the next packet, at the nearest tick. */
  get wait(): number {
    return Math.max(leastWait, (1 - this.#tokens) / this.#perMs)
  }
}
