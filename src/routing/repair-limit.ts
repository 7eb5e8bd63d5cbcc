/** Maximum repairs within this time in milliseconds; then none for as long. */
const most = 5
export const repairPeriod = 60_000

/** Keeps us from fighting with another program over the same routes. */
export class RepairLimit {
  #times: number[] = []
  #pausedUntil = Number.NEGATIVE_INFINITY

  /** For a repair that is due: how long to wait with it, in ms, as `now` is. 0: not at all; `repairPeriod`: a pause begins. */
  pause(now: number): number {
    if (now < this.#pausedUntil) return this.#pausedUntil - now
    this.#times = this.#times.filter(time => time > now - repairPeriod)
    if (this.#times.push(now) <= most) return 0
    this.#times = []
    this.#pausedUntil = now + repairPeriod
    return repairPeriod
  }
}
