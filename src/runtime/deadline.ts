/**
 * A signal for one operation: fires with the caller's reason, or with `expired()` when the time is over, whichever is
 * first. `end` must be called: it leaves neither timer nor listener. The timer keeps the event loop alive.
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
 * Reason of an abort that nobody asked for: what was to be found out is known, or of no use any more. One for all: abort() without one
 * makes an error with a stack trace each time.
 */
export const noLongerNeeded = new Error('no longer needed')
