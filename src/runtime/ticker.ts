import { monotonicNow } from '../monotonic.js'
import { longestTimer } from '../options.js'
/** Milliseconds: what can wait a little is done together, since to wake up costs more than to send a packet. */
export const tickMs = 40

/** Milliseconds: the longest tick there is, for what can wait longer. The fewer ticks, the less they cost. */
export const longestTickMs = 100

/** Those who do something steadily and are woken each on its own, to the millisecond: so few cost little. */
const few = 16

type Waiter = (now: number) => void

/** Those who wait for one moment. */
export class Tick {
  readonly #time: number
  #timer: NodeJS.Timeout
  #isFarOff = false
  /** In the order in which they came; a gap for each who no longer waits. */
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

  /** Who waited for it no longer does. */
  cancel(run: Waiter): void {
    const index = this.#waiters.indexOf(run)
    if (index < 0) return
    this.#waiters[index] = undefined
    if (--this.#waiting > 0) return
    clearTimeout(this.#timer)
    ticks.delete(this.#time)
  }

  /** As far as one timer can: the rest is waited for by the next. */
  #wait(): NodeJS.Timeout {
    const ms = Math.max(0, Math.ceil(this.#time - monotonicNow()))
    this.#isFarOff = ms > longestTimer
    return setTimeout(fire, Math.min(ms, longestTimer), this).unref()
  }

  fire(): void {
    if (this.#isFarOff) {
      this.#timer = this.#wait()
      return
    }
    ticks.delete(this.#time)
    const now = Math.max(this.#time, monotonicNow())
    // Who is called may call off others.
    for (let i = 0; i < this.#waiters.length; i++) this.#waiters[i]?.(now)
  }
}

const fire = (tick: Tick) => tick.fire()
const ticks = new Map<number, Tick>()

/**
 * The grid for one of so many who do something every `interval` milliseconds: of many, `longest` for an interval of a second or more
 * and in proportion for a shorter one, so that they are woken together; 1 ms of a few.
 */
export function gridOf(interval: number, sharers: number, longest = tickMs): number {
  if (sharers <= few) return 1
  return Math.max(1, Math.floor(longest * Math.min(1, interval / 1000)))
}

/**
 * Calls back at the first multiple of `grid` milliseconds of the monotonic clock that is not before `at`, together with all
 * others who wait for that moment; `now` is not before it. Does not keep the event loop alive. Until then it can be called off
 * at what is returned, by the same function.
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
