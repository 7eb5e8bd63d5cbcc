import { nameOfHop } from './hop-name.js'
import type { TraceSettings } from './options.js'

const namesKept = 1024

/** The names of the hops of a series. Each is looked up once, while the probes go on. */
export class HopNames {
  readonly #settings: TraceSettings
  readonly #signal: AbortSignal
  readonly #names = new Map<string, string | undefined>()
  readonly #pending = new Set<Promise<unknown>>()

  constructor(settings: TraceSettings, signal: AbortSignal) {
    this.#settings = settings
    this.#signal = signal
  }

  /** Returns the name if it is known by now. The first call starts the look-up. */
  of(address: string): string | undefined {
    if (!this.#names.has(address) && this.#names.size < namesKept) this.#ask(address)
    return this.#names.get(address)
  }

  /** Resolves when every requested name is known, or known to be missing. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending)
  }

  #ask(address: string): void {
    this.#names.set(address, undefined)
    const answer = nameOfHop(address, this.#settings, this.#signal).then(name => {
      this.#names.set(address, name)
      this.#pending.delete(answer)
    })
    this.#pending.add(answer)
  }
}
