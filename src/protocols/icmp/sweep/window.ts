/** Grows by a probe for each that was settled, and halves when the kernel had to drop packets of ours. */
export class SendWindow {
  #size: number
  readonly #largest: number
  #drops = 0

  /** `largest`: what the receive buffer holds if all answers come at once; `fixed`: the user's own bound. */
  constructor(largest: number, fixed?: number) {
    this.#largest = fixed ?? largest
    this.#size = Math.min(this.#largest, fixed ?? 1024)
  }

  get size(): number {
    return this.#size
  }

  settled(): void {
    if (this.#size < this.#largest) this.#size++
  }

  /** `drops`: all so far. */
  dropped(drops: number): void {
    if (drops === this.#drops) return
    this.#drops = drops
    this.#size = Math.max(64, this.#size >> 1)
  }
}
