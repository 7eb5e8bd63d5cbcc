import type { Socket } from 'node:net'
import type { NetviaError } from '../errors.js'
import { Bag } from '../runtime/bag.js'

type Cut = (error: NetviaError) => void

/** Connections open or being opened on each uplink, so that they can be cut when it goes down. */
export class Connections {
  readonly #cuts = new Map<string, Bag<Cut>>()

  /** Calls `cut` with the error when the uplink goes down, until you call the returned function. */
  add(uplink: string, cut: Cut): () => void {
    let cuts = this.#cuts.get(uplink)
    if (!cuts) {
      cuts = new Bag()
      this.#cuts.set(uplink, cuts)
    }
    const place = cuts.add(cut)
    return () => cuts.delete(place)
  }

  /** Destroys the socket when the uplink goes down. */
  track(uplink: string, socket: Socket): void {
    socket.once(
      'close',
      this.add(uplink, error => socket.destroy(error)),
    )
  }

  cut(uplink: string, error: NetviaError): void {
    for (const { value: cut } of this.#cuts.get(uplink)?.places() ?? []) cut?.(error)
  }
}
