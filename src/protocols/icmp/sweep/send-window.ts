/** Limits the probes in flight. It grows by one for each settled probe, and halves when the kernel drops packets. */
export class SendWindow {
  #size: number
  readonly #largest: number
  #drops = 0

  /** `largest`: what the receive buffer holds if all answers come together. `fixed`: the user's own limit. */
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

  /** `drops`: the total so far. */
  dropped(drops: number): void {
    if (drops === this.#drops) return
    this.#drops = drops
    this.#size = Math.max(64, this.#size >> 1)
  }
}
