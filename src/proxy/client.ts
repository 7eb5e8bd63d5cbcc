import type { Socket } from 'node:net'
import { Cancel, type Signal } from '../runtime/cancel.js'
import { noLongerNeeded } from '../runtime/deadline.js'
import { type Carrier, SocketCarrier } from './carrier.js'
import type { End } from './descriptor.js'
import type { NearDescriptor } from './near-descriptor.js'

/** A client's connection, with a time limit for its requests. */
export class Client {
  readonly near: NearDescriptor
  readonly address: string
  /** Fires when the connection is gone: nothing needs to be opened for it any more. */
  readonly signal: Signal
  /** A socket or a tunnel has taken the place of the descriptor. */
  readonly passTo: (carrier: Carrier) => void
  readonly #gone = new Cancel()
  readonly #timeout: number
  #timer: NodeJS.Timeout | undefined
  #socket: Socket | undefined

  constructor(near: NearDescriptor, address: string, handshakeTimeout: number, passTo: (carrier: Carrier) => void) {
    this.near = near
    this.address = address
    this.signal = this.#gone
    this.passTo = passTo
    this.#timeout = handshakeTimeout
    near.onEnd(() => this.#ended())
    this.wait()
  }

  get connection(): End {
    return this.#socket ?? this.near
  }

  /** Starts the time limit of a request, which `heard` ends. */
  wait(): void {
    this.heard()
    this.#timer = setTimeout(() => this.connection.destroy(), this.#timeout)
  }

  /** The client has sent its request. */
  heard(): void {
    clearTimeout(this.#timer)
  }

  toSocket(): Socket {
    return this.#socket ?? this.#becomeSocket()
  }

  #becomeSocket(): Socket {
    const socket = this.near.toSocket()
    this.#socket = socket
    // Its end only means that it sends nothing more.
    socket.allowHalfOpen = true
    socket.on('error', () => {})
    socket.on('close', () => this.#ended())
    this.passTo(new SocketCarrier(socket))
    return socket
  }

  #ended(): void {
    this.heard()
    this.#gone.abort(noLongerNeeded)
  }
}
