/** When an uplink counts as flapping (as in RFC 2439). */
export interface DampingOptions {
  /** Falls (each fades by half every `halfLife`) at which an uplink counts as flapping. */
  suppress: number
  /** It no longer does once they have faded to this. */
  reuse: number
  /** Milliseconds in which the memory of a fall fades by half. */
  halfLife: number
}

/** As in RFC 2439, and as routers have it: two falls suppress, and what is left of them fades by half in 15 minutes. */
export const defaultDamping: DampingOptions = { suppress: 2, reuse: 0.75, halfLife: 900_000 }

/** Route flap damping as in RFC 2439, for uplinks: each fall adds 1 to a penalty that fades. */
export class Damping {
  readonly #options: DampingOptions
  #penalty = 0
  #at = 0
  #flapping = false

  constructor(options: DampingOptions) {
    this.#options = options
  }

  fell(at: number): void {
    // Twice the limit at most: the time until the uplink is used again stays bounded.
    this.#penalty = Math.min(this.penalty(at) + 1, this.#options.suppress * 2)
    this.#at = at
    if (this.#penalty >= this.#options.suppress) this.#flapping = true
  }

  flapping(at: number): boolean {
    if (this.#flapping && this.penalty(at) <= this.#options.reuse) this.#flapping = false
    return this.#flapping
  }

  /** Milliseconds until it no longer counts as flapping, if it does not fall again. */
  remaining(at: number): number {
    return Math.max(0, Math.log2(this.penalty(at) / this.#options.reuse) * this.#options.halfLife)
  }

  penalty(at: number): number {
    return this.#penalty * 2 ** ((this.#at - at) / this.#options.halfLife)
  }

  save(at: number): { penalty: number; flapping: boolean } {
    return { penalty: this.penalty(at), flapping: this.flapping(at) }
  }

  restore({ penalty, flapping }: { penalty: number; flapping: boolean }, at: number): void {
    this.#penalty = penalty
    this.#at = at
    this.#flapping = flapping
  }
}
