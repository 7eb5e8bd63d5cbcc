import type { Band } from './quality.js'

/** Evidence is enough when it is so many times likelier on a good line than on a bad one. */
const certainty = 1000
const full = Math.log(certainty)

/**
 * Distinguishes a line that loses `leave` from one that loses `enter`, with a bound on the error: Wald's sequential probability
 * ratio test, kept between nothing and enough. Each result moves the score by the logarithm of its likelihood ratio.
 */
export class Proof {
  readonly #gain: number
  readonly #cost: number
  #score = full

  constructor({ enter, leave }: Band) {
    this.#gain = Math.log((1 - leave) / (1 - enter))
    this.#cost = Math.log(enter / leave)
  }

  /** The evidence says that the line is good. True at the beginning: nothing speaks against it yet. */
  get isComplete(): boolean {
    return this.#score >= full
  }

  /** Answers in a row until it is complete. */
  get missing(): number {
    return Math.ceil((full - this.#score) / this.#gain)
  }

  answered(): void {
    this.#score = Math.min(full, this.#score + this.#gain)
  }

  lost(): void {
    this.#score = Math.max(0, this.#score - this.#cost)
  }

  /** Nothing is known: all evidence has to come again. */
  refute(): void {
    this.#score = 0
  }

  /** What was is of no account. */
  forget(): void {
    this.#score = full
  }
}
