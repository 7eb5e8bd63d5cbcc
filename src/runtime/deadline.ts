import { Cancel, type Signal } from './cancel.js'

/**
 * A signal for one operation. It fires with the caller's reason, or with `expired()` when the time is over, whichever comes
 * first. Call `end` to remove timer and listener. The timer keeps the event loop alive.
 */
export class Deadline {
  readonly #cancel = new Cancel()
  readonly #timer: NodeJS.Timeout | undefined
  readonly #parent: Signal | undefined
  readonly #onAbort = () => this.#cancel.abort(this.#parent!.reason)

  constructor(timeout: number | undefined, parent: Signal | undefined, expired: () => unknown) {
    parent?.throwIfAborted()
    this.#parent = parent
    parent?.addEventListener('abort', this.#onAbort)
    if (timeout !== undefined) this.#timer = setTimeout(() => this.#cancel.abort(expired()), timeout)
  }

  get signal(): Signal {
    return this.#cancel
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#parent?.removeEventListener('abort', this.#onAbort)
  }
}

/**
 * Abort reason for work whose result is known or no longer needed. One shared object, because abort() without a reason creates
 * an error with a stack trace each time.
 */
export const noLongerNeeded = new Error('no longer needed')
