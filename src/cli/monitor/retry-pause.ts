const first = 1000
const longest = 30_000

/** The pause between two attempts in ms. It starts at 1000, doubles up to 30,000, and varies at random by a fifth. */
export class RetryPause {
  #next = first
  #end: (() => void) | undefined

  wait(): Promise<void> {
    const ms = this.#next * (0.8 + 0.4 * Math.random())
    this.#next = Math.min(2 * this.#next, longest)
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
    this.#next = first
  }
}
