import { setMaxListeners } from 'node:events'

/** Starts of the checks of one round lie this far apart, in ms: a thousand checks do not fire together. */
export const spacing = 10

export interface RoundLoopOptions<T> {
  /** Checks of a round. */
  checks: number
  /** Milliseconds over which the starts of a round's checks may be spread. */
  spread: number
  /** Runs one check, within its own timeout or until the signal fires. Never rejects. */
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
    // One signal for all checks of all rounds: a new one for each round costs more than the round itself.
    setMaxListeners(0, signal)
    const before = this.#running
    this.#running = before.then(() => this.#loop(delay, signal))
  }

  /** Ends the round under way without a verdict. Resolves when nothing of it is left. */
  stop(): Promise<void> {
    this.#controller?.abort()
    return this.#running
  }

  async #loop(delay: number, signal: AbortSignal): Promise<void> {
    // On a grid that all loops share: checks that start in the same moment go out and come in as one batch.
    let due = Math.ceil((performance.now() + delay) / spacing) * spacing
    for (;;) {
      await sleep(due - performance.now(), signal)
      if (signal.aborted) return
      const results = await this.#round(signal)
      if (signal.aborted) return
      due = Math.max(due + this.#options.done(results), performance.now())
    }
  }

  async #round(signal: AbortSignal): Promise<T[]> {
    const { checks, run } = this.#options
    const results: Promise<T>[] = []
    for (let slot = 0; slot < this.#slots; slot++) {
      if (slot > 0) await sleep(spacing, signal)
      if (signal.aborted) break
      const end = Math.ceil((checks * (slot + 1)) / this.#slots)
      while (results.length < end) results.push(run(results.length, signal))
    }
    return Promise.all(results)
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
