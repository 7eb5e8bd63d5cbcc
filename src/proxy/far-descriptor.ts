import type { Socket } from 'node:net'
import { addon } from '../binding/addon.js'
import { localNameOf, remoteAddressOf } from '../sockets/address.js'
import { handOver } from '../sockets/hand-over.js'
import { verifyDevice } from '../sockets/open.js'

/** A connected descriptor that isn't one of Node's sockets: to make one costs as much as to connect. Names are those of `net.Socket`. */
export class FarDescriptor {
  readonly fd: number
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly #device: string | undefined

  /** Owns the descriptor, and closes it if it isn't bound to the device. */
  constructor(fd: number, device: string | undefined) {
    this.fd = fd
    this.#device = device
    try {
      if (device !== undefined) verifyDevice(fd, device)
    } catch (error) {
      addon().close(fd)
      throw error
    }
    const local = localNameOf(fd)
    this.localAddress = local?.address
    this.localPort = local?.port
  }

  /** Undefined once the connection is reset. */
  get remoteAddress(): string | undefined {
    return remoteAddressOf(this.fd)
  }

  destroy(): void {
    addon().close(this.fd)
  }

  toSocket(): Socket {
    return handOver(this.fd, this.#device)
  }
}

/** A connection to a target. */
export type FarEnd = Socket | FarDescriptor

export function toSocket(far: FarEnd): Socket {
  return far instanceof FarDescriptor ? far.toSocket() : far
}
