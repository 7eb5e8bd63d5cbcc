import { brief, duration } from './format.js'

const full = 20
/** Milliseconds over which the rate is measured before the time left is shown. */
const measuredMs = 1000

/** The progress line of one piece of work. */
export class ProgressLine {
  readonly #warmUpMs: number
  #mark: { done: number; elapsedMs: number } | undefined

  /** `warmUpMs`: before that, only quick answers are counted, which say nothing about silent targets. */
  constructor(warmUpMs: number) {
    this.#warmUpMs = warmUpMs
  }

  /** `[######--------------]  30%  20k/65k  12k/s  0:04 left`. Unknown parts are left out. */
  draw(done: number, total: number | undefined, elapsedMs: number, columns: number): string {
    const steady = this.#steadyRate(done, elapsedMs)
    const average = elapsedMs > 0 ? (done * 1000) / elapsedMs : 0
    const count = total === undefined ? brief(done) : `${brief(done)}/${brief(total)}`
    const parts = [count, `${brief(steady ?? average)}/s`]
    if (total) {
      const share = Math.min(1, done / total)
      const filled = Math.round(share * full)
      const bar = `[${'#'.repeat(filled)}${'-'.repeat(full - filled)}]`
      parts.unshift(bar, `${Math.floor(share * 100)}%`.padStart(4))
      if (steady) parts.push(`${duration((total - done) / steady)} left`)
      // The bar is the least useful part.
      if (parts.join('  ').length > columns) parts.shift()
    }
    return parts.join('  ').slice(0, columns)
  }

  /** Results per second since the warm-up; undefined until it is known. */
  #steadyRate(done: number, elapsedMs: number): number | undefined {
    if (elapsedMs < this.#warmUpMs) return undefined
    this.#mark ??= { done, elapsedMs }
    const sinceMs = elapsedMs - this.#mark.elapsedMs
    return sinceMs < measuredMs ? undefined : ((done - this.#mark.done) * 1000) / sinceMs
  }
}
