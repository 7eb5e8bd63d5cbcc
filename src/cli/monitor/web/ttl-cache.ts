/** Caches what `make` returns for a key for `lifetime` ms. */
export class TtlCache<T> {
  readonly #lifetime: number
  readonly #make: (key: string) => T
  readonly #values = new Map<string, { value: T; until: number }>()

  constructor(lifetime: number, make: (key: string) => T) {
    this.#lifetime = lifetime
    this.#make = make
  }

  get(key = ''): T {
    const now = performance.now()
    const known = this.#values.get(key)
    if (known && now < known.until) return known.value
    for (const [key, { until }] of this.#values) if (now >= until) this.#values.delete(key)
    const value = this.#make(key)
    this.#values.set(key, { value, until: now + this.#lifetime })
    return value
  }

  /** Empties the cache. */
  clear(): void {
    this.#values.clear()
  }
}
