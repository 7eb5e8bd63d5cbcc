import { type UplinkMonitor, watchedUplinks } from '../../../monitor/monitor.js'
import type { CheckEvent, ConfigureEvent, StateEvent } from '../../../monitor/record/event-types.js'
import { monotonicNow } from '../../../monotonic.js'
import type { CheckColumns, UplinkHistory } from './history-report.js'
import type { Range } from './ranges.js'
import { UplinkRecord } from './uplink-record.js'

/** The last day in memory: the state of each uplink, and loss and latency of its checks. Older steps are coarser. */
export class RecentHistory {
  readonly #monitor: UplinkMonitor
  readonly #uplinks = new Map<string, UplinkRecord>()
  #timer: NodeJS.Timeout | undefined
  /** Wall time at the start, continued by the monotonic clock, so that setting the clock moves no step. */
  readonly #origin = Date.now() - monotonicNow()

  constructor(monitor: UplinkMonitor) {
    this.#monitor = monitor
  }

  start(): void {
    this.#monitor.on('check', this.#onCheck).on('state', this.#onState).on('configure', this.#onConfigure)
    // A state lasts even while no check runs.
    this.#timer = setInterval(this.#lookAtStates, 1000)
    this.#lookAtStates()
  }

  stop(): void {
    this.#monitor.off('check', this.#onCheck).off('state', this.#onState).off('configure', this.#onConfigure)
    clearInterval(this.#timer)
  }

  /**
   * The steps of an uplink since `since` (seconds since the epoch), at most the whole range, including the current one. All times
   * are by the current wall clock.
   */
  report(range: Range, uplink: string, since = 0): UplinkHistory {
    // The timer may not have come to this second yet.
    this.#lookAtStates()
    const { seconds, step } = range
    const now = this.#now()
    const wall = Date.now()
    // In whole steps. The clocks differ by less than a second unless one was set.
    const shift = Math.abs(wall - now) < 1000 ? 0 : Math.round((wall - now) / 1000 / step)
    const end = Math.floor(now / 1000 / step) + 1
    // A time in the future was sent before the clock was set back.
    const from = since * 1000 > wall ? 0 : Math.ceil(since / step) - shift
    const begin = Math.min(end, Math.max(end - seconds / step, from))
    const report = this.#recordOf(uplink).report(range, begin, end - begin, now, shift * step * 1000)
    return { name: uplink, step, from: (begin + shift) * step, ...report }
  }

  /** The last seconds of an uplink's first check, including the current one. */
  latest(uplink: string, seconds: number): CheckColumns | undefined {
    return this.#recordOf(uplink).latest(seconds, this.#now())
  }

  #now(): number {
    return this.#origin + monotonicNow()
  }

  #recordOf(name: string): UplinkRecord {
    const record = this.#uplinks.get(name) ?? new UplinkRecord()
    this.#uplinks.set(name, record)
    return record
  }

  #onCheck = (event: CheckEvent): void => this.#recordOf(event.uplink).check(event, this.#now())

  #onState = ({ uplink, to, forced, reason }: StateEvent): void => {
    this.#recordOf(uplink).state(to, forced !== undefined, () => reason, this.#now())
  }

  #onConfigure = ({ removed }: ConfigureEvent): void => {
    for (const name of removed) this.#uplinks.delete(name)
    for (const { uplink } of watchedUplinks(this.#monitor)) this.#recordOf(uplink.name).keepChecks(uplink.checks.length)
  }

  #lookAtStates = (): void => {
    for (const watched of watchedUplinks(this.#monitor)) {
      const { uplink, state, forced } = watched
      this.#recordOf(uplink.name).state(state, forced !== null, () => watched.facts().reason, this.#now())
    }
  }
}
