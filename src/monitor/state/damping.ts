/** When an uplink counts as flapping (as in RFC 2439). */
export interface DampingOptions {
  /** Falls at which an uplink counts as flapping. Each fall's weight halves every `halfLife`. */
  suppress: number
  /** Sum of weights at which it no longer counts as flapping. */
  reuse: number
  /** Milliseconds in which the weight of a fall halves. */
  halfLife: number
}

/** Defaults as in RFC 2439 and in routers: two falls suppress, and their weight halves in 15 minutes. */
export const defaultDamping: DampingOptions = { suppress: 2, reuse: 0.75, halfLife: 900_000 }

/** Route flap damping (RFC 2439) for uplinks: each fall adds 1 to a penalty that decays. */
export class Damping {
  readonly #options: DampingOptions
  #penalty = 0
  #at = 0
  #flapping = false

  constructor(options: DampingOptions) {
    this.#options = options
  }

  fell(at: number): void {
    // Capped at twice the limit, so that the time until the uplink is used again stays bounded.
    this.#penalty = Math.min(this.penalty(at) + 1, this.#options.suppress * 2)
    this.#at = at
    if (this.#penalty >= this.#options.suppress) this.#flapping = true
  }

  flapping(at: number): boolean {
    if (this.#flapping && this.penalty(at) <= this.#options.reuse) this.#flapping = false
    return this.#flapping
  }

  /** Milliseconds until it no longer counts as flapping, if it doesn't fall again. */
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
