/**
 * A signal for one operation. It fires with the caller's reason, or with `expired()` when the time is over, whichever comes
 * first. Call `end` to remove timer and listener. The timer keeps the event loop alive.
 */
export class Deadline {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout | undefined
  readonly #parent: AbortSignal | undefined
  readonly #onAbort = () => this.#controller.abort(this.#parent!.reason)

  constructor(timeout: number | undefined, parent: AbortSignal | undefined, expired: () => unknown) {
    parent?.throwIfAborted()
    this.#parent = parent
    parent?.addEventListener('abort', this.#onAbort)
    if (timeout !== undefined) this.#timer = setTimeout(() => this.#controller.abort(expired()), timeout)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
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
