import type { Socket } from 'node:net'
import type { NetviaError } from '../errors.js'

type Cut = (error: NetviaError) => void

/** Connections open or being opened on each uplink, so that they can be cut when it goes down. */
export class Connections {
  readonly #cuts = new Map<string, Set<Cut>>()

  /** Calls `cut` with the error when the uplink goes down, until you call the returned function. */
  add(uplink: string, cut: Cut): () => void {
    let cuts = this.#cuts.get(uplink)
    if (!cuts) {
      cuts = new Set()
      this.#cuts.set(uplink, cuts)
    }
    cuts.add(cut)
    return () => cuts.delete(cut)
  }

  /** Destroys the socket when the uplink goes down. */
  track(uplink: string, socket: Socket): void {
    socket.once(
      'close',
      this.add(uplink, error => socket.destroy(error)),
    )
  }

  cut(uplink: string, error: NetviaError): void {
    for (const cut of [...(this.#cuts.get(uplink) ?? [])]) cut(error)
  }
}
