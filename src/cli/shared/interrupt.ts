import { unref } from '../../runtime/timers.js'

const ending = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** In ms. Programs such as timeout(1) pass on the Ctrl-C that the terminal has sent us too, twice at that. */
const samePress = 500

/**
 * Ctrl-C and SIGTERM end the work, not the process: first comes the summary, then the same signal again, so that the
 * shell sees how it ended. A second one, unless it is the first again, ends it immediately.
 */
export class Interrupt {
  readonly #controller = new AbortController()
  readonly #end = (name: NodeJS.Signals) => {
    this.#received ??= name
    this.#controller.abort()
    unref(setTimeout(() => process.off(name, this.#end), samePress))
  }
  #received: NodeJS.Signals | undefined
  #atHangUp: (() => void) | undefined
  #isDue = false

  constructor() {
    for (const name of ending) process.on(name, this.#end)
  }

  /** From now on SIGHUP ends nothing. It is kept for `divertHangUp`. */
  keepHangUp(): void {
    process.off('SIGHUP', this.#end).on('SIGHUP', () => {
      if (this.signal.aborted) return
      this.#isDue = this.#atHangUp === undefined
      this.#atHangUp?.()
    })
  }

  /** Calls `work` at each SIGHUP, and now if one was kept, until the work is to end. */
  divertHangUp(work: () => void): void {
    this.#atHangUp = work
    if (this.#isDue && !this.signal.aborted) work()
  }

  /** Ends the work as a signal does, but not the process. */
  end(): void {
    this.#controller.abort()
  }

  /** From now on signals end nothing, and `work` gets their names. */
  pass(work: (name: NodeJS.Signals) => void): void {
    // In this order: a signal in between would end the process.
    for (const name of [...ending, 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const) process.on(name, work)
    for (const name of ending) process.off(name, this.#end)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Ends the process by the signal that interrupted it, if there was one. */
  finish(): void {
    if (this.#received === undefined) return
    process.removeAllListeners(this.#received)
    process.kill(process.pid, this.#received)
  }
}

/** Resolves once the signal has fired, even if it fired earlier. */
export async function fired(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve))
}
