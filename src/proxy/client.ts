import type { Socket } from 'node:net'
import type { Tunnel } from '../binding/relay.js'
import { Cancel, type Signal } from '../runtime/cancel.js'
import { noLongerNeeded } from '../runtime/deadline.js'
import { unmapped } from '../sockets/ip.js'
import { nextChunk } from './read-message.js'

/** A client's connection, with a time limit for its requests. */
export class Client {
  readonly socket: Socket
  readonly address: string
  /** Fires when the connection is gone: nothing needs to be opened for it any more. */
  readonly signal: Signal
  /** A tunnel has taken the place of the socket. */
  readonly passTo: (tunnel: Tunnel) => void
  readonly #timeout: number
  #timer: NodeJS.Timeout | undefined

  constructor(socket: Socket, handshakeTimeout: number, passTo: (tunnel: Tunnel) => void) {
    const gone = new Cancel()
    this.socket = socket
    this.address = unmapped(socket.remoteAddress ?? '')
    this.signal = gone
    this.passTo = passTo
    this.#timeout = handshakeTimeout
    // Its end only means that it sends nothing more.
    socket.allowHalfOpen = true
    socket.on('error', () => {})
    socket.on('close', () => {
      this.heard()
      gone.abort(noLongerNeeded)
    })
    this.wait()
  }

  /** Starts the time limit of a request, which `heard` ends. */
  wait(): void {
    this.heard()
    this.#timer = setTimeout(() => this.socket.destroy(), this.#timeout)
  }

  /** The client has sent its request. */
  heard(): void {
    clearTimeout(this.#timer)
  }

  /** Peeks at the first byte. */
  async peek(): Promise<number> {
    const chunk = await nextChunk(this.socket)
    this.socket.unshift(chunk)
    return chunk[0]!
  }
}
