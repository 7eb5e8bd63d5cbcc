/** Runs work that must not overlap: each piece begins when the one before has ended, however it ended. */
export class OneByOne {
  #last: Promise<unknown> = Promise.resolve()

  /** Settles as `work` does. */
  run<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => {})
    return result
  }
}
