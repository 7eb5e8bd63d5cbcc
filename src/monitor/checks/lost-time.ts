import { monotonicNow } from '../../monotonic.js'
import { unref } from '../../runtime/timers.js'

/** In ms. A shorter wait for the event loop is common, and doesn't change a verdict. */
const beat = 250

let lastBeat = 0
let lost = 0
let followers = 0
let timer: NodeJS.Timeout | undefined

/** More than a beat without one: the event loop was busy, or the process stopped. */
function take(): number {
  const now = monotonicNow()
  lost += Math.max(0, now - lastBeat - beat)
  lastBeat = now
  return lost
}

/** Follows the time from now on in which this process could not read an answer. */
export function followLostTime() {
  if (followers++ === 0) {
    lastBeat = monotonicNow()
    timer = unref(setInterval(take, beat))
  }
  const before = take()
  const begun = lastBeat
  return {
    /** What the first `ms` lost at least: any of what was lost so far may have been lost after them. */
    within(ms: number): number {
      const all = take() - before
      return Math.max(0, all - (lastBeat - begun - ms))
    },
    end(): void {
      if (--followers === 0) clearInterval(timer)
    },
  }
}
