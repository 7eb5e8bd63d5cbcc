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
  if (from.boot === undefined || to.boot === undefined) return awake
  const all = to.boot - from.boot
  return all - awake > slack ? all : awake
}

/** The reading of so many milliseconds later, or earlier if negative. */
export function shifted({ wall, monotonic, boot }: ClockReading, ms: number): ClockReading {
  return { wall: wall + ms, monotonic: monotonic + ms, ...(boot !== undefined && { boot: boot + ms }) }
}

/** The time of a reading in ms since the epoch, by the current clock: if the clock was set since, it was wrong then. */
export function wallTime(reading: ClockReading, now = readClocks()): number {
  const corrected = now.wall - elapsed(reading, now)
  return Math.abs(corrected - reading.wall) < slack ? reading.wall : Math.round(corrected)
}
