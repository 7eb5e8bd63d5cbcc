import type { Socket } from 'node:net'
import { addon } from '../binding/addon.js'
import { localNameOf, remoteAddressOf, type SocketAddress } from '../sockets/address.js'
import { handOver } from '../sockets/hand-over.js'
import { verifyDevice } from '../sockets/open.js'
import { tryGetOption } from '../sockets/options.js'

const none = Buffer.alloc(0)

/** A connected descriptor that isn't one of Node's sockets: to make one costs as much as to connect. Names are those of `net.Socket`. */
export class Descriptor {
  readonly fd: number
  readonly #device: string | undefined
  /** What was read and nobody has used. */
  #unread: Buffer = none
  #local: SocketAddress | undefined

  /** Owns the descriptor, and closes it if it isn't bound to the device. */
  constructor(fd: number, device?: string) {
    this.fd = fd
    this.#device = device
    try {
      if (device !== undefined) verifyDevice(fd, device)
    } catch (error) {
      addon().close(fd)
      throw error
    }
  }

  get localAddress(): string | undefined {
    return this.#localName()?.address
  }

  get localPort(): number | undefined {
    return this.#localName()?.port
  }

  /** Undefined once the connection is reset. */
  get remoteAddress(): string | undefined {
    return remoteAddressOf(this.fd)
  }

  /** Index of the device that it is bound to, 0 for none; undefined before Linux 5.1. */
  get deviceIndex(): number | undefined {
    return tryGetOption(this.fd, 'SO_BINDTOIFINDEX')
  }

  unshift(rest: Buffer): void {
    this.#unread = rest
  }

  takeUnread(): Buffer {
    const bytes = this.#unread
    this.#unread = none
    return bytes
  }

  destroy(): void {
    addon().close(this.fd)
  }

  toSocket(): Socket {
    const socket = handOver(this.fd, this.#device)
    if (this.#unread.length > 0) socket.unshift(this.#unread)
    return socket
  }

  #localName(): SocketAddress | undefined {
    this.#local ??= localNameOf(this.fd)
    return this.#local
  }
}

/** One of the two connections that a tunnel joins. */
export type End = Socket | Descriptor

export function toSocket(end: End): Socket {
  return end instanceof Descriptor ? end.toSocket() : end
}
