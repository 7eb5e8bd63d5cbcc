/** Exponential backoff: milliseconds to wait before the next attempt, doubled from one to the next. */
export class Backoff {
  readonly #first: number
  readonly #longest: number
  #next: number

  constructor(first: number, longest: number) {
    this.#first = first
    this.#longest = longest
    this.#next = first
  }

  next(): number {
    const pause = this.#next
    this.#next = Math.min(2 * pause, this.#longest)
    return pause
  }

  /** Starts again with the first, after a success. */
  reset(): void {
    this.#next = this.#first
  }
}
