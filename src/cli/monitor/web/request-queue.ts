/**
 * Answers requests one at a time, each in its own turn of the event loop. Checks, timers and signals run in between, however
 * many requests wait.
 */
export class RequestQueue {
  readonly #waiting: (() => void)[] = []
  #scheduled = false

  add(work: () => void): void {
    this.#waiting.push(work)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#waiting.shift()!()
      this.#schedule()
    })
  }
}
