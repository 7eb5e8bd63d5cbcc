import type { NetviaError } from '../errors.js'
import { Backoff } from '../runtime/backoff.js'
import { unref } from '../runtime/timers.js'

/** Reports what the kernel refuses: once, for as long as it stays the same. Tries it again after longer and longer pauses. */
export class Refusals {
  readonly #warn: (message: string, error: NetviaError) => void
  readonly #again: () => void
  #timer: NodeJS.Timeout | undefined
  readonly #backoff = new Backoff(1000, 60_000)
  #last: string | undefined

  constructor(warn: (message: string, error: NetviaError) => void, again: () => void) {
    this.#warn = warn
    this.#again = again
  }

  /** `error`: of the last attempt; undefined if it succeeded. */
  report(error: NetviaError | undefined, what = 'the kernel refuses a route'): void {
    clearTimeout(this.#timer)
    if (!error) {
      this.#backoff.reset()
      this.#last = undefined
      return
    }
    if (error.message !== this.#last) this.#warn(`${what}: ${error.message}`, error)
    this.#last = error.message
    this.#timer = unref(setTimeout(this.#again, this.#backoff.next()))
  }

  end(): void {
    this.report(undefined)
  }
}
