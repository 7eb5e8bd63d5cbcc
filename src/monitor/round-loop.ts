import { setMaxListeners } from 'node:events'
import { NetviaError } from '../errors.js'
import { Deadline } from '../protocols/deadline.js'

/** Starts of the checks of one round lie this far apart, in ms: a thousand checks do not fire together. */
export const spacing = 10
/** How much longer than its own timeout a check may take before the round goes on without it, in ms. */
const grace = 1000

export interface RoundLoopOptions<T> {
  /** Checks of a round. */
  checks: number
  /** Milliseconds over which the starts of a round's checks may be spread. */
  spread: number
  /** Milliseconds a check takes at most, by its own timeout. */
  timeout: number
  /** Runs one check. Never rejects. */
  run(index: number, signal: AbortSignal): Promise<T>
  /** Takes what a round brought; returns the time from its start to the start of the next, in ms. */
  done(results: T[]): number
}

/** Rounds of checks, one after the other at a fixed cadence. No check ever overlaps with itself. */
export class RoundLoop<T> {
  readonly #options: RoundLoopOptions<T>
  readonly #slots: number
  #controller: AbortController | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: RoundLoopOptions<T>) {
    this.#options = options
    this.#slots = Math.min(options.checks, 1 + Math.floor(options.spread / spacing))
  }

  /** The first round begins after `delay` ms. What ran before is ended first. */
  start(delay: number): void {
    this.#controller?.abort()
    this.#controller = new AbortController()
    const { signal } = this.#controller
    const before = this.#running
    this.#running = before.then(() => this.#loop(delay, signal))
  }

  /** Ends the round under way without a verdict. Resolves when nothing of it is left. */
  stop(): Promise<void> {
    this.#controller?.abort()
    return this.#running
  }

  async #loop(delay: number, signal: AbortSignal): Promise<void> {
    let due = performance.now() + delay
    for (;;) {
      await sleep(due - performance.now(), signal)
      if (signal.aborted) return
      const results = await this.#round(signal)
      if (signal.aborted) return
      due = Math.max(due + this.#options.done(results), performance.now())
    }
  }

  async #round(signal: AbortSignal): Promise<T[]> {
    const { checks, timeout, spread, run } = this.#options
    const limit = spread + timeout + grace
    const deadline = new Deadline(limit, signal, () => new NetviaError('no verdict in time', { code: 'ETIMEDOUT' }))
    // All checks of the round listen to it.
    setMaxListeners(0, deadline.signal)
    const results: Promise<T>[] = []
    for (let slot = 0; slot < this.#slots; slot++) {
      if (slot > 0) await sleep(spacing, signal)
      if (signal.aborted) break
      const end = Math.ceil((checks * (slot + 1)) / this.#slots)
      while (results.length < end) results.push(run(results.length, deadline.signal))
    }
    const settled = await Promise.all(results)
    deadline.end()
    return settled
  }
}

/** Resolves after `ms`, or as soon as the signal fires. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const finish = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', finish)
      resolve()
    }
    const timer = setTimeout(finish, ms)
    signal.addEventListener('abort', finish)
    if (signal.aborted) finish()
  })
}
