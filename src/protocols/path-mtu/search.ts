/** What became of a packet of one size. `limit`: what the refusal said would fit, if it said anything. */
export type SizeVerdict =
  | { outcome: 'passed' }
  | { outcome: 'silent' }
  | { outcome: 'too-big'; limit?: number; by?: string }
  | { outcome: 'too-big-here'; limit?: number }

/**
 * What settled the size: `device`, the way out of this machine is the narrowest; `too-big`, a router said so; `search`, larger
 * packets vanish without a word.
 */
export type PathMtuMethod = 'device' | 'too-big' | 'search'

/**
 * Which size to try next, in bytes of the whole IP packet: the smallest, whether there is an answer at all; then the largest.
 * What a refusal tells is tried as told; where nobody tells, the range is halved. Pure.
 */
export class PathMtuSearch {
  method: PathMtuMethod = 'device'
  /** Who said the size that was not exceeded any more. */
  limitedBy: string | undefined
  readonly #smallest: number
  #passes = 0
  #atMost: number
  #next: number

  constructor(smallest: number, largest: number) {
    this.#smallest = smallest
    this.#atMost = largest
    this.#next = smallest
  }

  /** The largest size that has passed; `undefined` while none has. */
  get passed(): number | undefined {
    return this.#passes || undefined
  }

  /** The next size; `undefined` when all is known, or nothing passes. */
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
      const told = limit > this.#passes && limit >= this.#smallest && limit < tried
      if (!told) this.#limit(tried - 1, 'search', by)
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
