import { tickMs } from '../../../runtime/ticker.js'

/** It is not worth asking again sooner, in ms: packets leave by ticks, since to wake for each would cost more than to send it. */
const leastWait = tickMs / 2
/** What may be caught up on at once after the event loop was late: the packets of so many milliseconds. */
const burstMs = 60

/** A token bucket: so many packets a second, by ticks, and in bursts of 60 ms at most. */
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

  /** True: one packet may leave now. */
  take(now: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAt) * this.#perMs)
    this.#filledAt = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  /** Milliseconds until the next should be asked for, by the tick around then. */
  get wait(): number {
    return Math.max(leastWait, (1 - this.#tokens) / this.#perMs)
  }
}
