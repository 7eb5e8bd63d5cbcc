import { monotonicNow } from '../monotonic.js'
import { Cancel, type Signal } from './cancel.js'
import { clearImmediate, setImmediate } from './timers.js'

/** A timer is no more than this late, in milliseconds, unless the event loop was busy or the process stopped. */
const punctualMs = 10

/**
 * A signal for one operation. It fires with the caller's reason, or with `expired()` when the time is over, whichever comes
 * first. Call `end` to remove timer and listener. The timer keeps the event loop alive.
 *
 * Time in which the process could not read isn't the network's: what has arrived is read before the time is over, and time that
 * a late timer shows as lost is given back once, at most as much as the timeout.
 */
export class Deadline {
  readonly #cancel = new Cancel()
  #timer: NodeJS.Timeout | undefined
  #lastReading: NodeJS.Immediate | undefined
  readonly #parent: Signal | undefined
  readonly #onAbort = () => this.#cancel.abort(this.#parent!.reason)

  constructor(timeout: number | undefined, parent: Signal | undefined, expired: () => unknown) {
    parent?.throwIfAborted()
    this.#parent = parent
    parent?.addEventListener('abort', this.#onAbort)
    if (timeout === undefined) return
    const due = monotonicNow() + timeout
    const expire = () => {
      this.#lastReading = setImmediate(() => this.#cancel.abort(expired()))
    }
    this.#timer = setTimeout(() => {
      const lost = Math.min(monotonicNow() - due, timeout)
      if (lost > punctualMs) this.#timer = setTimeout(expire, lost)
      else expire()
    }, timeout)
  }

  get signal(): Signal {
    return this.#cancel
  }

  /** Fires now, for a reason that comes before the end of the time. */
  abort(reason: unknown): void {
    this.#cancel.abort(reason)
  }

  end(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#lastReading)
    this.#parent?.removeEventListener('abort', this.#onAbort)
  }
}

/**
 * Abort reason for work whose result is known or no longer needed. One shared object, because abort() without a reason creates
 * an error with a stack trace each time.
 */
export const noLongerNeeded = new Error('no longer needed')
