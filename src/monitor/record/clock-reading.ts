import { monotonicNow } from '../../monotonic.js'

/** Both clocks, read at the same time, in ms. */
export interface ClockReading {
  /** Since the epoch, as this machine's clock said then. */
  wall: number
  /** The monotonic clock. Durations are differences of these. */
  monotonic: number
}

/** The two clocks part by this much before one is said to have been set, in ms: NTP slews by half a millisecond a second. */
const slack = 1000

export function readClocks(): ClockReading {
  return { wall: Date.now(), monotonic: monotonicNow() }
}

/** When it was, in ms since the epoch, by the clock of now: a clock that was set meanwhile was wrong then. */
export function wallTime({ wall, monotonic }: ClockReading, now = readClocks()): number {
  const corrected = now.wall - (now.monotonic - monotonic)
  return Math.abs(corrected - wall) < slack ? wall : Math.round(corrected)
}
