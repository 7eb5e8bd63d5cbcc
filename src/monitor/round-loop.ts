import { hold } from '../binding/poller.js'
import { monotonicNow } from '../monotonic.js'
import { atTick, gridOf, longestTickMs, type Tick } from '../runtime/ticker.js'

/** Starts of the checks of one round lie this far apart, in ms: a thousand checks do not fire together. */
export const spacing = 10

let running = 0

export interface RoundLoopOptions<T> {
  /** Checks of a round. */
  checks: number
  /** Milliseconds over which the starts of a round's checks may be spread. */
  spread: number
  /** Begins one check. Its result goes to `record`, once, after this has returned. */
  run(index: number): void
  /** Ends the checks under way, each of which is still reported, and what is kept for the next round. */
  cancel(): void
  /** Takes what a round brought, which the next one overwrites; returns the time from its start to that of the next, in ms. */
  done(results: readonly T[]): number
}

/**
 * Rounds of checks, one after the other at a fixed cadence. No check ever overlaps with itself. Where many loops run, their checks
 * wait for common ticks, so that they go out and come in as one batch.
 */
export class RoundLoop<T> {
  readonly #options: RoundLoopOptions<T>
  readonly #slots: number
  #due = Number.NaN
  /** When the round before began. */
  #lastDue = Number.NEGATIVE_INFINITY
  #grid = 1
  readonly #results: T[] = []
  /** Checks of this round that have begun. */
  #begun = 0
  #underWay = 0
  /** Those under way are of a round that was ended. */
  #isStale = false
  /** The next round is due as soon as this one is done. */
  #runsNextNow = false
  /** Held while it runs. */
  #release: (() => void) | undefined
  #tick: Tick | undefined
  readonly #stopped: (() => void)[] = []

  constructor(options: RoundLoopOptions<T>) {
    this.#options = options
    this.#slots = Math.min(options.checks, 1 + Math.floor(options.spread / spacing))
  }

  /** The first round begins after `delay` ms; if there is a delay, by a common tick. What ran before is ended first. */
  start(delay: number): void {
    this.#end()
    running++
    this.#release = hold()
    this.#begun = 0
    this.#grid = delay === 0 ? 1 : gridOf(2 * this.#options.spread, running, longestTickMs)
    this.#due = Math.ceil((monotonicNow() + delay) / spacing) * spacing
    if (this.#underWay === 0) this.#wait(this.#due)
  }

  /** Ends the round under way without a verdict. Resolves when nothing of it is left. */
  stop(): Promise<void> {
    this.#end()
    return new Promise(resolve => {
      if (this.#underWay === 0) resolve()
      else this.#stopped.push(resolve)
    })
  }

  /** The next round begins now, or `gap` ms after the start of the last one. Nothing changes while a round runs. */
  bringForward(gap: number): void {
    if (!this.#release || this.#underWay > 0 || this.#begun > 0) return
    const due = Math.max(this.#lastDue + gap, monotonicNow())
    if (due < this.#due) this.#bring(due)
  }

  /** The next round begins at `due` at the earliest. Nothing changes while a round runs. */
  postpone(due: number): void {
    if (!this.#release || this.#underWay > 0 || this.#begun > 0 || due <= this.#due) return
    this.#bring(due)
  }

  /**
   * Begins the next round immediately, or as soon as the one under way is done. Returns how many rounds will be done by the
   * end of it.
   */
  runNow(): 1 | 2 {
    if (this.#begun > 0 || this.#underWay > 0) {
      this.#runsNextNow = true
      return 2
    }
    this.#grid = 1
    this.#bring(monotonicNow())
    return 1
  }

  /** Milliseconds since the last check of the round under way, or else of the next one, was due. NaN while it doesn't run. */
  late(now: number): number {
    return this.#release ? now - this.#due - this.#options.spread : Number.NaN
  }

  record(index: number, result: T): void {
    this.#underWay--
    this.#results[index] = result
    if (this.#underWay > 0) return
    if (this.#isStale) this.#settle()
    else if (this.#begun === this.#options.checks) this.#finish()
  }

  /** The next round begins then, and not when it was due. */
  #bring(due: number): void {
    this.#tick?.cancel(this.#begin)
    this.#due = due
    this.#wait(due)
  }

  #wait(at: number): void {
    this.#tick = atTick(at, this.#begin, this.#grid)
  }

  /** The checks of the round that are due. */
  readonly #begin = (now: number): void => {
    const { checks, run } = this.#options
    const slot = Math.min(this.#slots, 1 + Math.floor((now - this.#due) / spacing))
    const end = Math.ceil((checks * slot) / this.#slots)
    this.#tick = undefined
    if (end < checks) this.#wait(this.#due + slot * spacing)
    while (this.#begun < end) {
      this.#underWay++
      run(this.#begun++)
    }
  }

  #finish(): void {
    const release = this.#release
    this.#begun = 0
    const interval = this.#options.done(this.#results)
    this.#lastDue = this.#due
    // A listener may have ended it, or started it again.
    if (this.#release !== release) return
    this.#grid = gridOf(interval, running, longestTickMs)
    this.#due = this.#runsNextNow ? monotonicNow() : Math.max(this.#due + interval, monotonicNow())
    this.#runsNextNow = false
    this.#wait(this.#due)
  }

  #end(): void {
    if (!this.#release) return
    running--
    this.#release()
    this.#release = undefined
    this.#runsNextNow = false
    this.#tick?.cancel(this.#begin)
    this.#tick = undefined
    this.#isStale = this.#underWay > 0
    this.#options.cancel()
  }

  /** Forgets the checks that were ended. */
  #settle(): void {
    this.#isStale = false
    for (const resolve of this.#stopped.splice(0)) resolve()
    if (this.#release) this.#wait(this.#due)
  }
}
