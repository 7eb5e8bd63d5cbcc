import { Cancel, type Signal } from './cancel.js'
import { noLongerNeeded } from './deadline.js'

/** What takes part in a staggered start, and how. */
export interface Lineup<Candidate, Result> {
  /** The next candidate to start; undefined if there is none now. */
  next(): Candidate | undefined
  /** Whether there may be another one later. */
  mayGrow(): boolean
  /** Tries one. When the signal fires, it must release everything and reject. */
  attempt(candidate: Candidate, signal: Signal): Promise<Result>
  /** Receives the result of an attempt that succeeds after the end. */
  discard(late: Result): void
  /** Milliseconds that a candidate runs alone before the next one starts; `Infinity`: until it fails. */
  delay(candidate: Candidate): number
  /** Whether every other candidate would fail in the same way. */
  isFinal?(error: unknown): boolean
  /** What all failures together reject with. */
  failure(errors: readonly unknown[]): unknown
}

/**
 * Starts candidates one after the other: the next one after a delay, or as soon as one fails. The first success wins and ends
 * the others.
 */
export class Staggered<Candidate, Result> {
  /** Settles once: with the winner, with the failure of all, or with the signal's reason. */
  readonly result: Promise<Result>
  readonly #lineup: Lineup<Candidate, Result>
  readonly #outer: Signal | undefined
  readonly #end = new Cancel()
  readonly #errors: unknown[] = []
  #running = 0
  #runsAlone = false
  #timer: NodeJS.Timeout | undefined
  #settled = false
  #resolve!: (value: Result) => void
  #reject!: (reason: unknown) => void

  /** Nothing starts before the first `advance()`. */
  constructor(lineup: Lineup<Candidate, Result>, signal: Signal | undefined) {
    this.#lineup = lineup
    this.#outer = signal
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    signal?.addEventListener('abort', this.#onAbort)
  }

  /** Fires when it ends for any reason. */
  get signal(): Signal {
    return this.#end
  }

  /** Starts the next candidate if it is due. Call it again whenever the line-up changes. */
  advance(): void {
    if (this.#settled) return
    const candidate = this.#runsAlone ? undefined : this.#lineup.next()
    if (candidate !== undefined) this.#start(candidate)
    if (this.#running > 0 || this.#lineup.mayGrow()) return
    this.#settle(() => this.#reject(this.#lineup.failure(this.#errors)))
  }

  /** Records a failure that isn't an attempt's. */
  failed(error: unknown): void {
    this.#errors.push(error)
  }

  readonly #onAbort = () => this.#settle(() => this.#reject(this.#outer!.reason))

  #start(candidate: Candidate): void {
    this.#running++
    this.#runsAlone = true
    const delay = this.#lineup.delay(candidate)
    if (delay !== Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#goOn(), delay)
    this.#lineup.attempt(candidate, this.#end).then(
      value => {
        if (this.#settled) this.#lineup.discard(value)
        else this.#settle(() => this.#resolve(value))
      },
      error => {
        this.#running--
        this.#errors.push(error)
        if (this.#lineup.isFinal?.(error)) this.#settle(() => this.#reject(error))
        else this.#goOn()
      },
    )
  }

  #goOn(): void {
    clearTimeout(this.#timer)
    this.#runsAlone = false
    this.advance()
  }

  #settle(report: () => void): void {
    if (this.#settled) return
    this.#settled = true
    clearTimeout(this.#timer)
    this.#outer?.removeEventListener('abort', this.#onAbort)
    report()
    this.#end.abort(this.#outer?.reason ?? noLongerNeeded)
  }
}
