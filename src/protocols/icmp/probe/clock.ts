import { addon } from '../../../binding/addon.js'

/** Wall clock (the kernel's stamps are of it) and monotonic clock, milliseconds, read back to back. */
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
  /** When user space handed the packet to the kernel, and when it read the reply. */
  sent: ClockSample
  read: ClockSample
  /** The kernel's stamps, wall clock; NaN where there is none. */
  sentStamp: number
  receivedStamp: number
}

/** Slewing moves the wall clock by at most 0.5 ms a second; more than this is a step. */
const stepMs = 1
/** Stamps of the kernel are not outside what user space saw by more than rounding. */
const slackMs = 0.01

/**
 * Milliseconds of a round trip, on the monotonic clock: a stamp is moved there by the distance of the two clocks when it
 * was taken. Was the wall clock stepped in between, the right distance is the one that puts the stamp between sending and
 * reading; where that does not tell, user space's own time stands in.
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
 * What a packet waited in the queue of its device, between the kernel's stamps before and behind it: milliseconds. NaN where one
 * is missing, or the wall clock was set in between, so that it does not fit into the round trip.
 */
export function waitInQueue(queuedStamp: number, leftStamp: number, rttMs: number): number {
  const wait = leftStamp - queuedStamp
  return wait >= 0 && wait <= rttMs ? wait : Number.NaN
}

/** NaN where there is no stamp, or none that can be true. */
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
