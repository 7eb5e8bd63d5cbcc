/** Provides this many tokens a second. A caller that comes late finds the tokens of up to `burstMs`. */
export class TokenBucket {
  readonly #perMs: number
  readonly #capacity: number
  #tokens = 1
  #filledAt: number

  constructor(perSecond: number, burstMs: number, now: number) {
    this.#perMs = perSecond / 1000
    this.#capacity = Math.max(1, this.#perMs * burstMs)
    this.#filledAt = now
  }

  /** Takes a token and returns 0, or returns the milliseconds until one is available. */
  take(now: number): number {
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#filledAt) * this.#perMs)
    this.#filledAt = now
    if (this.#tokens < 1) return (1 - this.#tokens) / this.#perMs
    this.#tokens--
    return 0
  }
}
