import type { Band } from './quality.js'

/** Evidence suffices when it is this many times likelier on a good line than on a bad one. */
const certainty = 1000
const full = Math.log(certainty)

/**
 * Distinguishes a line that loses `leave` from one that loses `enter`, with bounded error. This is Wald's sequential
 * probability ratio test, with the score limited to the range from no to sufficient evidence. Each result moves the score by
 * the logarithm of its likelihood ratio.
 */
export class LossEvidence {
  readonly #gain: number
  readonly #cost: number
  #score = full

  constructor({ enter, leave }: Band) {
    this.#gain = Math.log((1 - leave) / (1 - enter))
    this.#cost = Math.log(enter / leave)
  }

  /** Whether the evidence shows a good line. True at first, because nothing speaks against it. */
  get suffices(): boolean {
    return this.#score >= full
  }

  /** Consecutive answers needed until the evidence suffices. */
  get missing(): number {
    return Math.ceil((full - this.#score) / this.#gain)
  }

  answered(): void {
    this.#score = Math.min(full, this.#score + this.#gain)
  }

  lost(): void {
    this.#score = Math.max(0, this.#score - this.#cost)
  }

  /** Discards all evidence: it must be collected again. */
  refute(): void {
    this.#score = 0
  }

  /** Returns to the initial state. */
  forget(): void {
    this.#score = full
  }
}
