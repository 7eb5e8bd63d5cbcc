import type { Signal } from '../../runtime/cancel.js'
import { Staggered } from '../../runtime/staggered.js'
import { resolutionDelay } from '../dns/address-order.js'

type Family = 4 | 6

/** Tries one address. When the signal fires, it must release everything and reject. */
export type Attempt<T> = (address: string, signal: AbortSignal) => Promise<T>

/**
 * Happy Eyeballs (RFC 8305). Attempts start as addresses become known, alternating families with IPv6 first. The next attempt
 * starts `attemptDelay` ms after the last, or as soon as one fails. The first success wins and ends the others.
 */
export class Race<T> {
  readonly #attempts: Staggered<string, T>
  readonly #waiting: Record<Family, string[]> = { 4: [], 6: [] }
  readonly #unknown: Set<Family>
  #lastFamily: Family | undefined
  #resolutionTimer: NodeJS.Timeout | undefined
  #mayWaitForIPv6 = true

  /** `discard` receives the result of an attempt that succeeds after the race is over. */
  constructor(
    families: readonly Family[],
    attempt: Attempt<T>,
    discard: (late: T) => void,
    attemptDelay: number,
    signal: Signal,
  ) {
    this.#unknown = new Set(families)
    const lineup = {
      next: () => (this.#awaitsIPv6() ? undefined : this.#next()),
      mayGrow: () => this.#unknown.size > 0 || this.#waiting[4].length + this.#waiting[6].length > 0,
      delay: () => attemptDelay,
      failure: (errors: readonly unknown[]) => new AggregateError(errors, 'no address could be reached'),
    }
    this.#attempts = new Staggered({ ...lineup, attempt, discard }, signal)
    this.signal.addEventListener('abort', () => clearTimeout(this.#resolutionTimer))
  }

  /** Settles once: with the winner, with an `AggregateError` of all attempts, or with the signal's reason. */
  get result(): Promise<T> {
    return this.#attempts.result
  }

  /** Fires when the race ends for any reason, to stop the name resolution that feeds it. */
  get signal(): Signal {
    return this.#attempts.signal
  }

  /** Passes all addresses of one family, or an empty list. `isLast`: the other family's known addresses come first. */
  offer(family: Family, addresses: readonly string[], isLast = false): void {
    this.#unknown.delete(family)
    if (isLast) this.#lastFamily ??= family
    this.#waiting[family].push(...addresses)
    this.#attempts.advance()
  }

  /** No more addresses will come. Pass the reason if that is due to a failure. */
  finish(error?: unknown): void {
    this.#unknown.clear()
    if (error !== undefined) this.#attempts.failed(error)
    this.#attempts.advance()
  }

  /** True only before the first attempt. */
  #awaitsIPv6(): boolean {
    const waits = this.#mayWaitForIPv6 && this.#lastFamily === undefined && this.#unknown.has(6)
    if (!waits || this.#waiting[4].length === 0) return waits
    this.#resolutionTimer ??= setTimeout(() => {
      this.#mayWaitForIPv6 = false
      this.#attempts.advance()
    }, resolutionDelay)
    return true
  }

  #next(): string | undefined {
    const preferred: Family = this.#lastFamily === 6 ? 4 : 6
    const family = this.#waiting[preferred].length > 0 ? preferred : preferred === 6 ? 4 : 6
    const address = this.#waiting[family].shift()
    if (address !== undefined) this.#lastFamily = family
    return address
  }
}
