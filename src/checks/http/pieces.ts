/** So many are joined: an object for each of millions would take a hundred times as much memory as the body. */
const most = 1024

/** The pieces of a body. */
export class Pieces {
  readonly #joined: Uint8Array[] = []
  #recent: Uint8Array[] = []

  add(piece: Uint8Array): void {
    if (this.#recent.push(piece) < most) return
    this.#joined.push(Buffer.concat(this.#recent))
    this.#recent = []
  }

  whole(): Buffer {
    return Buffer.concat([...this.#joined, ...this.#recent])
  }
}
