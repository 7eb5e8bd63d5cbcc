/** Milliseconds of delay that a burst may catch up on. */
const catchUpMs = 20

/** A token bucket: `rate` starts per second, with bounded bursts. */
export class Pace {
  readonly #perMs: number
  readonly #capacity: number
  #tokens = 1
  #at: number

  constructor(rate: number, now: number) {
    this.#perMs = rate / 1000
    this.#capacity = Math.max(1, this.#perMs * catchUpMs)
    this.#at = now
  }

  /** Takes a token and returns 0, or returns the milliseconds until the next token. */
  take(now: number): number {
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#at) * this.#perMs)
    this.#at = now
    if (this.#tokens < 1) return (1 - this.#tokens) / this.#perMs
    this.#tokens--
    return 0
  }
}
