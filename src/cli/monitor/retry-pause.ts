import { monotonicNow } from '../../monotonic.js'
import { Backoff } from '../../runtime/backoff.js'

/** In ms. */
const [shortest, longest] = [1000, 30_000]

/** The pause between two attempts in ms. It starts at 1000, doubles up to 30,000, and varies at random by a fifth. */
export class RetryPause {
  readonly #whole = new Backoff(shortest, longest)
  /** Of pauses that were shortened. They grow too: an uplink that flaps is no reason to try without a pause. */
  readonly #shortened = new Backoff(shortest, longest)
  #shorten: (() => void) | undefined
  #end: (() => void) | undefined

  /** `atLeast`: what the other end asked for, in ms. `shorten` keeps to it, `end` doesn't. */
  wait(atLeast = 0): Promise<void> {
    const begun = monotonicNow()
    return new Promise(resolve => {
      const timers: NodeJS.Timeout[] = []
      const endIn = (ms: number) => timers.push(setTimeout(() => this.#end?.(), ms))
      this.#shorten = () => {
        this.#shorten = undefined
        endIn(Math.max(0, begun + Math.max(atLeast, this.#shortened.next()) - monotonicNow()))
      }
      this.#end = () => {
        for (const timer of timers) clearTimeout(timer)
        if (this.#shorten) this.#shortened.reset()
        this.#shorten = undefined
        this.#end = undefined
        resolve()
      }
      endIn(Math.max(atLeast, this.#whole.next() * (0.8 + 0.4 * Math.random())))
    })
  }

  /** Ends a pause because an attempt may succeed now, unless it has just begun, or pauses before it were shortened too. */
  shorten(): void {
    this.#shorten?.()
  }

  /** Ends a pause now. */
  end(): void {
    this.#end?.()
  }

  /** Starts again with the shortest pauses. */
  reset(): void {
    this.#whole.reset()
    this.#shortened.reset()
  }
}
