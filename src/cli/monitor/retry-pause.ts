const first = 1000
const longest = 30_000

/** The pause between two attempts, in ms: 1000, twice that after each, 30,000 at most, a fifth more or less by chance. */
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

  /** Ends a pause now: there is a reason to expect better. */
  end(): void {
    this.#end?.()
  }

  /** The next pause is the first again. */
  reset(): void {
    this.#next = first
  }
}
