import { type UplinkMonitor, watchedUplinks } from '../../../monitor/monitor.js'
import type { CheckEvent, ConfigureEvent, StateEvent } from '../../../monitor/record/reports.js'
import { monotonicNow } from '../../../monotonic.js'
import { type Columns, type HistoryReport, Series } from './series.js'

/** What can be looked at: so far back, in steps of so long, in seconds. */
export const ranges = [
  { seconds: 300, step: 1 },
  { seconds: 3600, step: 10 },
  { seconds: 86_400, step: 240 },
] as const

export type Range = (typeof ranges)[number]

/** State, loss and latency of each uplink over the last day: the longer ago, the coarser. In memory alone. */
export class History {
  readonly #monitor: UplinkMonitor
  readonly #uplinks = new Map<string, Series[]>()
  #timer: NodeJS.Timeout | undefined
  /** The wall clock as it was at the beginning, going on by the monotonic one: a clock that is set moves no step. */
  readonly #origin = Date.now() - monotonicNow()

  constructor(monitor: UplinkMonitor) {
    this.#monitor = monitor
  }

  start(): void {
    this.#monitor.on('check', this.#onCheck).on('state', this.#onState).on('configure', this.#onConfigure)
    // A state lasts, even while no check is made.
    this.#timer = setInterval(this.#lookAtStates, 1000)
    this.#lookAtStates()
  }

  stop(): void {
    this.#monitor.off('check', this.#onCheck).off('state', this.#onState).off('configure', this.#onConfigure)
    clearInterval(this.#timer)
  }

  /**
   * The steps since `since` (seconds since the epoch), at most the whole range, up to the last that is complete. All times are by the
   * clock of now.
   */
  report(range: Range, since = 0): HistoryReport {
    const { seconds, step } = range
    const now = this.#now()
    const wall = Date.now()
    // In whole steps; the clocks part by less than a second unless one was set.
    const shift = Math.abs(wall - now) < 1000 ? 0 : Math.round((wall - now) / 1000 / step)
    const end = Math.floor(now / 1000 / step)
    // What lies ahead was sent before the clock was set back.
    const from = since * 1000 > wall ? 0 : Math.ceil(since / step) - shift
    const begin = Math.min(end, Math.max(end - seconds / step, from))
    const place = ranges.indexOf(range)
    const uplinks = watchedUplinks(this.#monitor).map(({ uplink: { name } }) => {
      return { name, ...this.#seriesOf(name)[place]!.columns(begin, end - begin) }
    })
    return { step, from: (begin + shift) * step, uplinks }
  }

  /** The last seconds of one uplink, the one under way included. */
  latest(uplink: string, seconds: number): Columns {
    return this.#seriesOf(uplink)[0]!.columns(Math.floor(this.#now() / 1000) - seconds + 1, seconds)
  }

  #now(): number {
    return this.#origin + monotonicNow()
  }

  #seriesOf(name: string): Series[] {
    let series = this.#uplinks.get(name)
    if (!series) {
      // One more than is shown: the step under way.
      series = ranges.map(({ seconds, step }) => new Series(seconds / step + 1))
      this.#uplinks.set(name, series)
    }
    return series
  }

  #add(name: string, write: (series: Series, step: number) => void): void {
    const at = this.#now()
    for (const [index, series] of this.#seriesOf(name).entries()) {
      write(series, Math.floor(at / 1000 / ranges[index]!.step))
    }
  }

  #onCheck = ({ uplink, ok, local, latencyMs }: CheckEvent): void => {
    // A local failure is no loss: the network was never asked.
    if (ok) this.#add(uplink, (series, step) => series.answered(step, latencyMs!))
    else if (!local) this.#add(uplink, (series, step) => series.lost(step))
  }

  #onState = ({ uplink, to }: StateEvent): void => {
    this.#add(uplink, (series, step) => series.state(step, to))
  }

  #onConfigure = ({ removed }: ConfigureEvent): void => {
    for (const name of removed) this.#uplinks.delete(name)
  }

  #lookAtStates = (): void => {
    for (const { uplink, state } of watchedUplinks(this.#monitor))
      this.#add(uplink.name, (series, step) => series.state(step, state))
  }
}
