/** Numbers of the uplinks' routing tables: an uplink keeps its own for as long as there is one of its name. */
export class TableNumbers {
  readonly #first: number
  #numbers = new Map<string, number>()

  /** `first` is the lowest number to give. */
  constructor(first: number) {
    this.#first = first
  }

  /** Sets the complete list of uplinks. None begins with a table of `foreign`, the numbers that other programs use. */
  assign(names: readonly string[], foreign: ReadonlySet<number> = new Set()): ReadonlyMap<string, number> {
    const kept = new Map([...this.#numbers].filter(([name]) => names.includes(name)))
    const taken = new Set(kept.values())
    let next = this.#first
    for (const name of names) {
      if (kept.has(name)) continue
      while (taken.has(next) || foreign.has(next)) next++
      kept.set(name, next)
      taken.add(next)
    }
    this.#numbers = kept
    return kept
  }
}
