import { noLongerNeeded } from '../../runtime/deadline.js'
import { resolutionDelay } from '../dns/order.js'

type Family = 4 | 6

/** Tries one address. When the signal fires, it must release everything and reject. */
export type Attempt<T> = (address: string, signal: AbortSignal) => Promise<T>

/**
 * Happy Eyeballs (RFC 8305). Attempts start as addresses become known, alternating families with IPv6 first. The next attempt
 * starts `attemptDelay` ms after the last, or as soon as one fails. The first success wins and ends the others.
 */
export class Race<T> {
  /** Settles once: with the winner, with an `AggregateError` of all attempts, or with the signal's reason. */
  readonly result: Promise<T>
  readonly #attempt: Attempt<T>
  readonly #discard: (late: T) => void
  readonly #attemptDelay: number
  readonly #outer: AbortSignal
  readonly #controller = new AbortController()
  readonly #waiting: Record<Family, string[]> = { 4: [], 6: [] }
  readonly #unknown: Set<Family>
  readonly #errors: unknown[] = []
  #running = 0
  #lastFamily: Family | undefined
  #delayTimer: NodeJS.Timeout | undefined
  #resolutionTimer: NodeJS.Timeout | undefined
  #mayWaitForIPv6 = true
  #settled = false
  #resolve!: (value: T) => void
  #reject!: (reason: unknown) => void

  /** `discard` receives the result of an attempt that succeeds after the race is over. */
  constructor(
    families: readonly Family[],
    attempt: Attempt<T>,
    discard: (late: T) => void,
    attemptDelay: number,
    signal: AbortSignal,
  ) {
    this.#unknown = new Set(families)
    this.#attempt = attempt
    this.#discard = discard
    this.#attemptDelay = attemptDelay
    this.#outer = signal
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    signal.addEventListener('abort', this.#onAbort)
  }

  /** Fires when the race ends for any reason, to stop the name resolution that feeds it. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Passes all addresses of one family, or an empty list. */
  offer(family: Family, addresses: readonly string[]): void {
    this.#unknown.delete(family)
    this.#waiting[family].push(...addresses)
    this.#advance()
  }

  /** No more addresses will come. Pass the reason if that is due to a failure. */
  finish(error?: unknown): void {
    this.#unknown.clear()
    if (error !== undefined) this.#errors.push(error)
    this.#advance()
  }

  readonly #onAbort = () => this.#settle(() => this.#reject(this.#outer.reason))

  #advance(): void {
    if (this.#settled) return
    if (this.#delayTimer === undefined && !this.#awaitsIPv6()) {
      const address = this.#next()
      if (address !== undefined) this.#start(address)
    }
    if (this.#running > 0 || this.#unknown.size > 0 || this.#waiting[4].length + this.#waiting[6].length > 0) return
    this.#settle(() => this.#reject(new AggregateError(this.#errors, 'no address could be reached')))
  }

  /** True only before the first attempt. */
  #awaitsIPv6(): boolean {
    const waits = this.#mayWaitForIPv6 && this.#lastFamily === undefined && this.#unknown.has(6)
    if (!waits || this.#waiting[4].length === 0) return waits
    this.#resolutionTimer ??= setTimeout(() => {
      this.#mayWaitForIPv6 = false
      this.#advance()
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

  #start(address: string): void {
    this.#running++
    const timer = setTimeout(() => this.#goOn(timer), this.#attemptDelay)
    this.#delayTimer = timer
    this.#attempt(address, this.#controller.signal).then(
      value => {
        if (this.#settled) this.#discard(value)
        else this.#settle(() => this.#resolve(value))
      },
      error => {
        this.#running--
        this.#errors.push(error)
        this.#goOn(this.#delayTimer)
      },
    )
  }

  #goOn(timer: NodeJS.Timeout | undefined): void {
    clearTimeout(timer)
    this.#delayTimer = undefined
    this.#advance()
  }

  #settle(tell: () => void): void {
    if (this.#settled) return
    this.#settled = true
    clearTimeout(this.#delayTimer)
    clearTimeout(this.#resolutionTimer)
    this.#outer.removeEventListener('abort', this.#onAbort)
    tell()
    this.#controller.abort(this.#outer.reason ?? noLongerNeeded)
  }
}
