import { monotonicNow } from '../monotonic.js'
import { longestTimer } from '../options.js'
import { unref } from './timers.js'
/** Milliseconds between shared timer ticks. Waking up costs more than sending a packet, so work that can wait shares a tick. */
export const tickMs = 40

/** Milliseconds between the slowest ticks, for work that can wait longer. Fewer ticks cost less. */
export const longestTickMs = 100

/** Up to this many periodic tasks wake individually, to the millisecond: so few cost little. */
const few = 16

type Waiter = (now: number) => void

/** The tasks waiting for one moment. */
export class Tick {
  readonly #time: number
  #timer: NodeJS.Timeout
  #isFarOff = false
  /** In order of arrival. Cancelled waiters leave a gap. */
  readonly #waiters: (Waiter | undefined)[] = []
  #waiting = 0

  constructor(time: number) {
    this.#time = time
    this.#timer = this.#wait()
  }

  add(run: Waiter): void {
    this.#waiters.push(run)
    this.#waiting++
  }

  /** Removes a waiter. */
  cancel(run: Waiter): void {
    const index = this.#waiters.indexOf(run)
    if (index < 0) return
    this.#waiters[index] = undefined
    if (--this.#waiting > 0) return
    clearTimeout(this.#timer)
    ticks.delete(this.#time)
  }

  /** One timer has a maximum delay. Longer waits chain several. */
  #wait(): NodeJS.Timeout {
    const ms = Math.max(0, Math.ceil(this.#time - monotonicNow()))
    this.#isFarOff = ms > longestTimer
    return unref(setTimeout(fire, Math.min(ms, longestTimer), this))
  }

  fire(): void {
    if (this.#isFarOff) {
      this.#timer = this.#wait()
      return
    }
    ticks.delete(this.#time)
    const now = Math.max(this.#time, monotonicNow())
    // A callback may cancel other waiters.
    for (let i = 0; i < this.#waiters.length; i++) this.#waiters[i]?.(now)
  }
}

const fire = (tick: Tick) => tick.fire()
const ticks = new Map<number, Tick>()

/**
 * The tick grid in milliseconds for one of `sharers` tasks that run every `interval` milliseconds. A few tasks get 1 ms. Many
 * get `longest` for intervals of a second or more, and proportionally less for shorter ones, so that they wake together.
 */
export function gridOf(interval: number, sharers: number, longest = tickMs): number {
  if (sharers <= few) return 1
  return Math.max(1, Math.floor(longest * Math.min(1, interval / 1000)))
}

/**
 * Calls back at the first multiple of `grid` milliseconds on the monotonic clock that is not before `at`, together with all
 * other waiters for that moment. `now` is never before it. The tick does not keep the event loop alive. To cancel, pass the
 * same function to `cancel` of the returned tick.
 */
export function atTick(at: number, run: Waiter, grid: number): Tick {
  const time = Math.ceil(at / grid) * grid
  let tick = ticks.get(time)
  if (!tick) {
    tick = new Tick(time)
    ticks.set(time, tick)
  }
  tick.add(run)
  return tick
}
