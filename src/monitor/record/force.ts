import { unref } from '../../runtime/timers.js'
import { type ClockReading, elapsed, readClocks, shifted, wallTime } from './clock-reading.js'
import type { Forced } from './event-types.js'

/** In ms: a timer stands still while the machine is suspended. */
const longestSleep = 60_000

/** A force as the state file keeps it; times in ms since the epoch. */
export interface SavedForce extends Forced {
  /** When it was said. */
  since: number
}

/** A force of an uplink. It ends in time even if the clock is set or the machine was suspended. */
export class Force {
  readonly state: 'up' | 'down'
  readonly since: ClockReading
  readonly #until: ClockReading | undefined
  readonly #why: string | null
  #timer: NodeJS.Timeout | undefined

  constructor(state: 'up' | 'down', since: ClockReading, until: ClockReading | undefined, why: string | null) {
    this.state = state
    this.since = since
    this.#until = until
    this.#why = why
  }

  /** Starts now, for this many milliseconds. */
  static begin(state: 'up' | 'down', forMs?: number, why: string | null = null): Force {
    const now = readClocks()
    return new Force(state, now, forMs === undefined ? undefined : shifted(now, forMs), why)
  }

  /**
   * A force from a saved file; undefined once it is over. If the clock is behind the file, as on a router without a clock
   * battery, no time has passed since.
   */
  static restore({ state, since, until, why }: SavedForce, savedAt: number): Force | undefined {
    const now = readClocks()
    const left = until === null ? undefined : until - Math.max(now.wall, savedAt)
    if (left !== undefined && left <= 0) return undefined
    return new Force(state, shifted(now, since - now.wall), left === undefined ? undefined : shifted(now, left), why)
  }

  get reason(): string {
    return `forced ${this.state}${this.#why === null ? '' : `: ${this.#why}`}`
  }

  report(now = readClocks()): Forced {
    return { state: this.state, until: this.#until ? wallTime(this.#until, now) : null, why: this.#why }
  }

  save(): SavedForce {
    return { ...this.report(), since: wallTime(this.since) }
  }

  /** Calls `ended` when its time is over, unless `disarm` is called before. */
  arm(ended: () => void): void {
    if (!this.#until) return
    const left = -elapsed(this.#until, readClocks())
    if (left <= 0) ended()
    else this.#timer = unref(setTimeout(() => this.arm(ended), Math.min(left, longestSleep)))
  }

  disarm(): void {
    clearTimeout(this.#timer)
  }
}

export function isSavedForce(value: unknown): value is SavedForce {
  const saved = value as SavedForce | null
  return (
    ['up', 'down'].includes(saved?.state as string) &&
    Number.isFinite(saved?.since) &&
    (saved?.until === null || Number.isFinite(saved?.until)) &&
    (saved?.why === null || typeof saved?.why === 'string')
  )
}
