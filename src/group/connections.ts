import type { NetviaError } from '../errors.js'

type Cut = (error: NetviaError) => void

/** What is open or being opened on each uplink, so that it can be cut when the uplink goes down. */
export class Connections {
  readonly #cuts = new Map<string, Set<Cut>>()

  /** Until the returned function is called, `cut` is called with the error when the uplink goes down. */
  add(uplink: string, cut: Cut): () => void {
    let cuts = this.#cuts.get(uplink)
    if (!cuts) {
      cuts = new Set()
      this.#cuts.set(uplink, cuts)
    }
    cuts.add(cut)
    return () => cuts.delete(cut)
  }

  cut(uplink: string, error: NetviaError): void {
    for (const cut of [...(this.#cuts.get(uplink) ?? [])]) cut(error)
  }
}
