import { bootNow, monotonicNow } from '../../monotonic.js'

/** The clocks, read at the same time, in ms. */
export interface ClockReading {
  /** Milliseconds since the epoch by this machine's clock at that time. */
  wall: number
  /** The monotonic clock, which stops while the machine is suspended. */
  monotonic: number
  /** The clock that goes on meanwhile. Left out: unknown. */
  boot?: number
}

/**
 * Difference of the clocks, in ms, from which one counts as set: NTP slews by at most half a millisecond per second.
 */
const slack = 1000

export function readClocks(): ClockReading {
  return { wall: Date.now(), monotonic: monotonicNow(), boot: bootNow() }
}

/**
 * The time between two readings, in ms, however often the clock was set. Time in which the machine was suspended counts.
 * Negative if `from` is the later one.
 */
export function elapsed(from: ClockReading, to: ClockReading): number {
  const awake = to.monotonic - from.monotonic
  const suspended = (to.boot ?? 0) - (from.boot ?? 0) - awake
  return to.boot !== undefined && from.boot !== undefined && suspended > slack ? awake + suspended : awake
}

/** The time of a reading in ms since the epoch, by the current clock: if the clock was set since, it was wrong then. */
export function wallTime(reading: ClockReading, now = readClocks()): number {
  const corrected = now.wall - elapsed(reading, now)
  return Math.abs(corrected - reading.wall) < slack ? reading.wall : Math.round(corrected)
}
