/** The result of probing one size. `limit` is the size that would fit, if the refusal reported one. */
export type SizeVerdict =
  | { outcome: 'passed' }
  | { outcome: 'silent' }
  | { outcome: 'too-big'; limit?: number; by?: string }
  | { outcome: 'too-big-here'; limit?: number }

/**
 * What determined the size. `device`: the outgoing device is the narrowest link. `too-big`: a router reported the limit.
 * `search`: larger packets vanish without an error.
 */
export type PathMtuMethod = 'device' | 'too-big' | 'search'

/** Sizes of routers that are tried. A path has few links of different sizes, and a router may lie. */
const mostLimits = 8

/**
 * Chooses the next size to probe, in bytes of the whole IP packet. It starts with the smallest, to see whether the host answers
 * at all, then tries the largest. It then tries the limits that refusals report, or halves the range without one. Pure.
 */
export class PathMtuSearch {
  method: PathMtuMethod = 'device'
  /** Address that reported the limit which turned out to be right. */
  limitedBy: string | undefined
  readonly #smallest: number
  #limits = 0
  #passes = 0
  #atMost: number
  #next: number

  constructor(smallest: number, largest: number) {
    this.#smallest = smallest
    this.#atMost = largest
    this.#next = smallest
  }

  /** The largest size that has passed; `undefined` until one has. */
  get passed(): number | undefined {
    return this.#passes || undefined
  }

  /** The next size; `undefined` when the answer is known or nothing passes. */
  get next(): number | undefined {
    return this.#passes < this.#atMost && this.#atMost >= this.#smallest ? this.#next : undefined
  }

  record(verdict: SizeVerdict): void {
    const tried = this.#next
    if (verdict.outcome === 'passed') {
      if (this.#passes === 0) this.#next = this.#atMost
      else this.#halve(tried)
      this.#passes = tried
    } else if (verdict.outcome === 'silent') this.#limit(tried - 1, 'search', undefined)
    else {
      const { limit = 0 } = verdict
      const method = verdict.outcome === 'too-big' ? 'too-big' : 'device'
      const by = verdict.outcome === 'too-big' ? verdict.by : undefined
      const isPossible = limit >= this.#passes && limit >= this.#smallest && limit < tried
      if (!isPossible || ++this.#limits > mostLimits) this.#limit(tried - 1, 'search', by)
      else {
        this.#limit(limit, method, by)
        this.#next = limit
      }
    }
  }

  #limit(atMost: number, method: PathMtuMethod, by: string | undefined): void {
    this.#atMost = atMost
    this.method = method
    this.limitedBy = by
    this.#halve(this.#passes)
  }

  #halve(passes: number): void {
    this.#next = Math.ceil((passes + this.#atMost) / 2)
  }
}
