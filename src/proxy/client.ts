import type { Socket } from 'node:net'
import { Cancel, type Signal } from '../runtime/cancel.js'
import { noLongerNeeded } from '../runtime/deadline.js'
import { type Carrier, type Cuttable, SocketCarrier } from './carrier.js'
import type { End } from './descriptor.js'
import type { NearDescriptor } from './near-descriptor.js'

/** A client's connection, with a time limit for its requests. */
export class Client {
  readonly near: NearDescriptor
  readonly address: string
  /** Fires when the connection is gone: nothing needs to be opened for it any more. */
  readonly signal: Signal
  readonly #gone = new Cancel()
  readonly #timeout: number
  readonly #onEnd: () => void
  /** The descriptor, or what has taken its place. */
  #current: Cuttable
  #timer: NodeJS.Timeout | undefined
  #socket: Socket | undefined

  constructor(near: NearDescriptor, address: string, handshakeTimeout: number, onEnd: () => void) {
    this.near = near
    this.address = address
    this.signal = this.#gone
    this.#timeout = handshakeTimeout
    this.#onEnd = onEnd
    this.#current = near
    near.onEnd(() => this.#ended(near))
    this.wait()
  }

  get connection(): End {
    return this.#socket ?? this.near
  }

  /** Starts the time limit of a request, which `heard` ends. */
  wait(): void {
    this.heard()
    if (!this.signal.aborted) this.#timer = setTimeout(() => this.connection.destroy(), this.#timeout)
  }

  /** The client has sent its request. */
  heard(): void {
    clearTimeout(this.#timer)
  }

  /**
   * Ends it with a last answer, and reads on: a connection that is closed with unread bytes, or gets more of them, is reset, and the client
   * may lose the answer.
   */
  refuse(answer: string | Buffer): void {
    if (this.signal.aborted) return
    this.wait()
    this.toSocket().resume().end(answer)
  }

  /** A socket or a tunnel has taken the place of the descriptor. */
  passTo(carrier: Carrier): void {
    this.#current = carrier
    carrier.onEnd(() => this.#ended(carrier))
  }

  /** Resets the connection. Resolves once it has ended. */
  cut(): Promise<void> {
    return new Promise(resolve => {
      this.#current.onEnd(resolve)
      this.#current.cut()
    })
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
    this.passTo(new SocketCarrier(socket))
    return socket
  }

  #ended(what: Cuttable): void {
    if (what !== this.#current) return
    this.heard()
    this.#gone.abort(noLongerNeeded)
    this.#onEnd()
  }
}
