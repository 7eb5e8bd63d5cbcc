import type { UplinkState } from '../../monitor/state/state-machine.js'
import type { HistoryReport } from '../monitor/web/series.js'

/** One uplink over the time shown, a step each. */
export interface Timeline {
  /** Seconds since the epoch. */
  times: number[]
  latencyMs: (number | null)[]
  lossRatio: (number | null)[]
  state: (UplinkState | null)[]
}

const empty = (): Timeline => ({ times: [], latencyMs: [], lossRatio: [], state: [] })

/** What the monitor has sent so far of the time shown. */
export class Timelines {
  readonly #steps: number
  #uplinks = new Map<string, Timeline>()

  constructor(
    rangeSeconds: number,
    readonly step: number,
  ) {
    this.#steps = rangeSeconds / step
  }

  /** More of it, or all of it again. */
  add({ from, step, uplinks }: HistoryReport): void {
    const next = new Map<string, Timeline>()
    for (const { name, latencyMs, lossRatio, state } of uplinks) {
      const before = this.#uplinks.get(name) ?? empty()
      const goesOn = before.times.at(-1) === from - step
      const times = state.map((_, index) => from + index * step)
      const join = <T>(old: T[], more: T[]) => (goesOn ? [...old, ...more].slice(-this.#steps) : more)
      next.set(name, {
        times: join(before.times, times),
        latencyMs: join(before.latencyMs, latencyMs),
        lossRatio: join(before.lossRatio, lossRatio),
        state: join(before.state, state),
      })
    }
    this.#uplinks = next
  }

  of(name: string): Timeline {
    return this.#uplinks.get(name) ?? empty()
  }
}
