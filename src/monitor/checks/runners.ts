import type { CheckRunner } from './check-runner.js'

/** Makes a runner for each check; no run may take longer than `longest` ms. */
export type MakeRunners = (longest: number, isUrgent: boolean) => CheckRunner[]

/** The runners of an uplink's checks, and impatient ones for a while. */
export class Runners {
  readonly #make: MakeRunners
  readonly #usual: readonly CheckRunner[]
  #urgent: readonly CheckRunner[] | undefined
  #urgentMs: number | undefined

  constructor(make: MakeRunners) {
    this.#make = make
    this.#usual = make(Number.POSITIVE_INFINITY, false)
  }

  /** Milliseconds that impatient runs take at most; undefined: they are as usual. */
  get urgentMs(): number | undefined {
    return this.#urgentMs
  }

  run(index: number): void {
    ;(this.#urgent ?? this.#usual)[index]!.run()
  }

  /** The next runs wait for `ms` at most. */
  hurry(ms: number): void {
    this.#urgent = this.#make(ms, true)
    this.#urgentMs = ms
  }

  /** They wait as long as usual again. */
  relax(): void {
    for (const runner of this.#urgent ?? []) runner.cancel()
    this.#urgent = undefined
    this.#urgentMs = undefined
  }

  cancel(): void {
    for (const runner of this.#usual) runner.cancel()
    this.relax()
  }
}
