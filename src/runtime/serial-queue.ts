/** Runs work that must not overlap: each piece starts when the previous one has ended, even if that failed. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve()

  /** Settles like `work`. */
  run<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => {})
    return result
  }
}
