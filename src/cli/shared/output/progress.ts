import { brief, duration } from './format.js'

const full = 20

/** `[######--------------]  30%  20k/65k  12k/s  0:04 left`; what is not known is left out. */
export function progressLine(done: number, total: number | undefined, elapsedMs: number, columns: number): string {
  const rate = elapsedMs > 0 ? (done * 1000) / elapsedMs : 0
  const count = total === undefined ? brief(done) : `${brief(done)}/${brief(total)}`
  const parts = [count, `${brief(rate)}/s`]
  if (total) {
    const share = Math.min(1, done / total)
    const filled = Math.round(share * full)
    const bar = `[${'#'.repeat(filled)}${'-'.repeat(full - filled)}]`
    parts.unshift(bar, `${Math.floor(share * 100)}%`.padStart(4))
    if (rate > 0) parts.push(`${duration((total - done) / rate)} left`)
    // The bar says least.
    if (parts.join('  ').length > columns) parts.shift()
  }
  return parts.join('  ').slice(0, columns)
}
