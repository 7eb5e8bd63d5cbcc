import { addon } from '../../../binding/addon.js'

/** Wall clock (the clock of the kernel's timestamps) and monotonic clock, in milliseconds, read at the same time. */
export interface ClockSample {
  wall: number
  monotonic: number
}

export interface Clock {
  read(sample: ClockSample): void
}

const times = new Int32Array(4)

export const systemClock: Clock = {
  read(sample) {
    addon().clocks(times)
    sample.wall = (times[0]! >>> 0) * 1000 + times[1]! / 1e6
    sample.monotonic = (times[2]! >>> 0) * 1000 + times[3]! / 1e6
  },
}

export interface RoundTrip {
  /** When user space passed the packet to the kernel, and when it read the reply. */
  sent: ClockSample
  read: ClockSample
  /** The kernel's timestamps on the wall clock; NaN if missing. */
  sentStamp: number
  receivedStamp: number
}

/** Slewing moves the wall clock by at most 0.5 ms per second. A larger difference is a step. */
const stepMs = 1
/** The kernel's timestamps lie within the times user space saw, apart from rounding. */
const slackMs = 0.01

/**
 * Round-trip time in milliseconds on the monotonic clock. A timestamp is converted by the distance of the two clocks when it
 * was taken. If the wall clock was stepped in between, the right distance is the one that puts the timestamp between sending
 * and reading. If that leaves doubt, user space's own time is used.
 */
export function measure({ sent, read, sentStamp, receivedStamp }: RoundTrip): { rttMs: number; kernel: boolean } {
  const start = onMonotonic(sentStamp, sent, read)
  const end = onMonotonic(receivedStamp, sent, read)
  const kernel = !Number.isNaN(start) && !Number.isNaN(end)
  const rttMs = (Number.isNaN(end) ? read.monotonic : end) - (Number.isNaN(start) ? sent.monotonic : start)
  if (kernel && rttMs < 0) return { rttMs: read.monotonic - sent.monotonic, kernel: false }
  return { rttMs: Math.max(0, rttMs), kernel }
}

/**
 * Milliseconds that a packet waited in its device's queue, between the kernel's timestamps before and after it. NaN if a
 * timestamp is missing, or if the wall clock was set in between and the wait doesn't fit into the round trip.
 */
export function waitInQueue(queuedStamp: number, leftStamp: number, rttMs: number): number {
  const wait = leftStamp - queuedStamp
  return wait >= 0 && wait <= rttMs ? wait : Number.NaN
}

/** NaN if there is no timestamp, or no plausible one. */
function onMonotonic(stamp: number, sent: ClockSample, read: ClockSample): number {
  const before = stamp - (sent.wall - sent.monotonic)
  const after = stamp - (read.wall - read.monotonic)
  const beforeFits = isBetween(before, sent, read)
  const afterFits = isBetween(after, sent, read)
  if (Math.abs(before - after) < stepMs) return beforeFits || afterFits ? before : Number.NaN
  if (beforeFits === afterFits) return Number.NaN
  return beforeFits ? before : after
}

function isBetween(time: number, sent: ClockSample, read: ClockSample): boolean {
  return time >= sent.monotonic - slackMs && time <= read.monotonic + slackMs
}
