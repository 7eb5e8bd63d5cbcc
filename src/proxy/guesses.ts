import { monotonicNow } from '../monotonic.js'
import { Secret } from '../runtime/secret.js'

/** Wrong passwords that one client may send for one user in a row, and milliseconds from then on until it may send another. */
const [burst, pause] = [10, 5000]
/** To make the proxy forget one client and user, somebody has to send as many wrong passwords for others. */
const mostRemembered = 10_000

interface Wrong {
  /** Guesses left at that time. */
  readonly left: number
  readonly at: number
  readonly last: Secret
}

/**
 * Limits how many passwords a client can try. Each client has its own count for each user, so none can lock out another. A program that
 * repeats its outdated password guesses nothing.
 */
export class Guesses {
  readonly #wrong = new Map<string, Wrong>()
  readonly #now: () => number

  constructor(now = monotonicNow) {
    this.#now = now
  }

  /** Whether the password is right. It is not compared if the client has no guess left for this user. */
  check(client: string, user: string, password: string, isRight: () => boolean): boolean {
    const key = `${client} ${user}`
    const known = this.#wrong.get(key)
    if (known?.last.is(password)) return false
    const at = this.#now()
    const left = known ? Math.min(burst, known.left + (at - known.at) / pause) : burst
    if (left < 1) return false
    if (isRight()) return true
    // The oldest come first.
    this.#wrong.delete(key)
    this.#wrong.set(key, { left: left - 1, at, last: new Secret(password) })
    if (this.#wrong.size > mostRemembered) this.#wrong.delete(this.#wrong.keys().next().value!)
    return false
  }
}
