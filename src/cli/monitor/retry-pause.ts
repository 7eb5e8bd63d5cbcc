import { Backoff } from '../../runtime/backoff.js'

/** The pause between two attempts in ms. It starts at 1000, doubles up to 30,000, and varies at random by a fifth. */
export class RetryPause {
  readonly #backoff = new Backoff(1000, 30_000)
  #end: (() => void) | undefined

  wait(): Promise<void> {
    const ms = this.#backoff.next() * (0.8 + 0.4 * Math.random())
    return new Promise(resolve => {
      const timer = setTimeout(() => this.#end?.(), ms)
      this.#end = () => {
        clearTimeout(timer)
        this.#end = undefined
        resolve()
      }
    })
  }

  /** Ends a pause now, because an attempt may succeed. */
  end(): void {
    this.#end?.()
  }

  /** Starts again with the shortest pause. */
  reset(): void {
    this.#backoff.reset()
  }
}
