import { monotonicNow } from '../../monotonic.js'

/** Both clocks, read at the same time, in ms. */
export interface ClockReading {
  /** Milliseconds since the epoch by this machine's clock at that time. */
  wall: number
  /** The monotonic clock. Durations are differences of these. */
  monotonic: number
}

/**
 * Difference of the two clocks, in ms, from which one counts as set: NTP slews by at most half a millisecond per second.
 */
const slack = 1000

export function readClocks(): ClockReading {
  return { wall: Date.now(), monotonic: monotonicNow() }
}

/** The time of a reading in ms since the epoch, by the current clock: if the clock was set since, it was wrong then. */
export function wallTime({ wall, monotonic }: ClockReading, now = readClocks()): number {
  const corrected = now.wall - (now.monotonic - monotonic)
  return Math.abs(corrected - wall) < slack ? wall : Math.round(corrected)
}
