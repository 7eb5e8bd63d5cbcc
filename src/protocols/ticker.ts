/** Milliseconds: what can wait a little is done together, since to wake up costs more than to send a packet. */
export const tickMs = 20

/** Those who do something steadily and are woken each on its own, to the millisecond: so few cost little. */
const few = 16

interface Tick {
  readonly timer: NodeJS.Timeout
  readonly waiters: Set<(now: number) => void>
}

const ticks = new Map<number, Tick>()

/**
 * The grid for one of so many who do something every `interval` milliseconds: of many, a 25th of the interval, 40 ms at most,
 * so that they are woken together; 1 ms of a few.
 */
export function gridOf(interval: number, sharers: number): number {
  if (sharers <= few) return 1
  return Math.max(1, Math.min(2 * tickMs, Math.floor(interval / 25)))
}

/**
 * Calls back at the first multiple of `grid` milliseconds of `performance.now()` that is not before `at`, together with all
 * others who wait for that moment; `now` is not before it. Does not keep the event loop alive. Returns the way to call it off.
 */
export function atTick(at: number, run: (now: number) => void, grid: number): () => void {
  const time = Math.ceil(at / grid) * grid
  let tick = ticks.get(time)
  if (!tick) {
    tick = { timer: setTimeout(fire, Math.ceil(time - performance.now()), time).unref(), waiters: new Set() }
    ticks.set(time, tick)
  }
  const { timer, waiters } = tick
  waiters.add(run)
  return () => {
    if (!waiters.delete(run) || waiters.size > 0) return
    clearTimeout(timer)
    ticks.delete(time)
  }
}

function fire(time: number): void {
  const { waiters } = ticks.get(time)!
  ticks.delete(time)
  const now = Math.max(time, performance.now())
  for (const run of waiters) run(now)
}
