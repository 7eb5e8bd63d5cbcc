import type { Socket } from 'node:net'
import type { NetviaError } from '../errors.js'
import { resetSocket } from '../sockets/reset.js'
import type { Counting } from './statistics.js'

/** A connection that can be ended early, with this error where a socket can report it. */
export interface Cuttable {
  cut(error?: NetviaError): void
  onEnd(listener: () => void): void
}

/** What moves the bytes of a connection: one of Node's sockets, or a tunnel in its place. */
export interface Carrier extends Cuttable, Counting {}

export class SocketCarrier implements Carrier {
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
  }

  get bytesRead(): number {
    return this.#socket.bytesRead
  }

  get bytesWritten(): number {
    return this.#socket.bytesWritten
  }

  cut(error?: NetviaError): void {
    // Otherwise a cut transfer would look complete.
    if (error) this.#socket.destroy(error)
    else resetSocket(this.#socket)
  }

  onEnd(listener: () => void): void {
    this.#socket.once('close', listener)
  }
}
