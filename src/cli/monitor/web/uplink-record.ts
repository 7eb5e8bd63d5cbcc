import { type Outage, outagesOf, type Stretch, sharesOf } from '../../../monitor/history/stretches.js'
import type { CheckEvent } from '../../../monitor/record/event-types.js'
import type { UplinkState } from '../../../monitor/state/state-machine.js'
import { type Range, recentRanges } from './ranges.js'
import { CheckSeries, StateSeries } from './series.js'

/** How many changes of state are kept: as many as a line makes that flaps all day. */
const maxChanges = 300
const longest = recentRanges.at(-1)!.seconds * 1000

interface Change {
  at: number
  state: UplinkState
  forced: boolean
  reason: string
}

interface CheckRecord {
  type: string
  target: string
  series: readonly CheckSeries[]
}

/** One more than is shown, for the current step. */
const lengths = recentRanges.map(({ seconds, step }) => seconds / step + 1)

/** The last day of one uplink. All times are in ms on the caller's clock. */
export class UplinkRecord {
  readonly #states = lengths.map(length => new StateSeries(length))
  readonly #checks: CheckRecord[] = []
  readonly #changes: Change[] = []

  check({ check, type, target, ok, local, latencyMs }: CheckEvent, at: number): void {
    // A local failure is not a loss, because the network was never asked.
    if (local) return
    const { series } = this.#checkOf(check, type, target)
    for (const [index, one] of series.entries()) {
      if (ok) one.answered(stepOf(at, index), latencyMs!)
      else one.lost(stepOf(at, index))
    }
  }

  /** Forgets checks that the uplink no longer has. */
  keepChecks(count: number): void {
    this.#checks.splice(count)
  }

  /** Records the present state. It is called at each change and in between. */
  state(state: UplinkState, forced: boolean, reason: () => string, at: number): void {
    for (const [index, series] of this.#states.entries()) series.add(stepOf(at, index), state)
    const last = this.#changes.at(-1)
    if (last?.state === state && last.forced === forced) return
    this.#changes.push({ at, state, forced, reason: reason() })
    while (this.#changes.length > maxChanges || (this.#changes[1]?.at ?? at) < at - longest) this.#changes.shift()
  }

  /** Reports `count` steps, the first with the number `begin`. `shift`: milliseconds to add to all times, because the clock was set. */
  report(range: Range, begin: number, count: number, now: number, shift: number) {
    const place = recentRanges.indexOf(range)
    const period = { from: now - range.seconds * 1000, to: now }
    const stretches = this.#stretches(now)
    const outages = outagesOf(stretches, period)
    return {
      state: this.#states[place]!.column(begin, count),
      checks: this.#checks.map(({ type, target, series }) => {
        return { type, target, ...series[place]!.columns(begin, count) }
      }),
      availability: sharesOf(stretches, period).availability,
      outageCount: outages.length,
      outages: outages.map(outage => moved(outage, shift)),
    }
  }

  /** The last seconds of the first check, including the current one. */
  latest(seconds: number, now: number) {
    return this.#checks[0]?.series[0]?.columns(stepOf(now, 0) - seconds + 1, seconds)
  }

  #checkOf(place: number, type: string, target: string): CheckRecord {
    const known = this.#checks[place]
    if (known?.type === type && known.target === target) return known
    // The configuration now has a different check at this index.
    const made = { type, target, series: lengths.map(length => new CheckSeries(length)) }
    this.#checks[place] = made
    return made
  }

  #stretches(now: number): Stretch[] {
    return this.#changes.map(({ at, ...change }, index) => {
      const next = this.#changes[index + 1]
      return { from: at, to: next?.at ?? now, isLast: !next, ...change }
    })
  }
}

function stepOf(at: number, place: number): number {
  return Math.floor(at / 1000 / recentRanges[place]!.step)
}

function moved({ from, to, ms, reason }: Outage, shift: number): Outage {
  return { from: Math.round(from + shift), to: to === null ? null : Math.round(to + shift), ms: Math.round(ms), reason }
}
