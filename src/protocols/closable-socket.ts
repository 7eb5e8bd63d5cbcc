import { hold } from '../binding/poller.js'
import { NetviaError } from '../errors.js'
import { presentContext } from '../runtime/context.js'
import { verifyDevice } from '../sockets/open.js'
import { PacketSocket } from '../sockets/packet-socket.js'
import { type Outgoing, SendQueue } from '../sockets/send-queue.js'
import { onDeviceLoss } from '../system/device-loss.js'

interface ClosableSocketSettings {
  /** For the error of a closed socket. */
  readonly name: string
  readonly device: string | undefined
  readonly signal: AbortSignal | undefined
  /** Bytes kept of a received packet, and bytes of the largest packet to send. */
  readonly slotSize: number
  readonly largest: number
  /** The family of a socket whose sends fail if the device's queue is full. */
  readonly reported: 4 | 6 | undefined
}

interface ClosableSocketHandlers {
  readable(): void
  sendError(errno: number): NetviaError
  /** The device is lost. The socket is closed, and `closed` follows. */
  lost(error: Error): void
  closed(): void
}

/**
 * What the socket objects of this package are made of: a descriptor that keeps the event loop alive until it is closed, by a call, a signal
 * or the loss of its device.
 */
export class ClosableSocket {
  readonly packets: PacketSocket
  readonly #name: string
  readonly #queue: SendQueue
  readonly #handlers: ClosableSocketHandlers
  readonly #ends: (() => void)[]

  /** Owns the descriptor, also if it throws. */
  constructor(fd: number, settings: ClosableSocketSettings, handlers: ClosableSocketHandlers) {
    const { name, device, signal, slotSize, largest, reported } = settings
    this.#name = name
    const inContext = presentContext()
    this.#handlers = {
      readable: () => inContext(handlers.readable),
      sendError: handlers.sendError,
      lost: error => inContext(() => handlers.lost(error)),
      closed: () => inContext(handlers.closed),
    }
    const { readable } = this.#handlers
    this.packets = new PacketSocket(fd, { readable, writable: () => this.#queue.writable() }, slotSize)
    const verify = () => {
      if (device !== undefined) verifyDevice(fd, device)
    }
    this.#queue = new SendQueue(this.packets, largest, handlers.sendError, verify, reported)
    const close = () => this.close()
    signal?.addEventListener('abort', close)
    const lost = (error: unknown) => {
      this.#close(error as Error)
      this.#handlers.lost(error as Error)
    }
    this.#ends = [hold(), onDeviceLoss(fd, device, lost), () => signal?.removeEventListener('abort', close)]
  }

  get closed(): boolean {
    return this.packets.closed
  }

  refuseClosed(): void {
    if (this.closed) throw this.#closedError()
  }

  /** Resolves when the kernel has accepted the packet. */
  send(packet: Outgoing): Promise<void> {
    return this.#queue.send(packet)
  }

  /** Drops what waits to be sent. A second call does nothing. */
  close(): void {
    if (!this.closed) this.#close(this.#closedError())
  }

  /** `why`: the error for what waits to be sent. */
  #close(why: Error): void {
    this.packets.close()
    for (const end of this.#ends) end()
    this.#queue.end(why)
    queueMicrotask(() => this.#handlers.closed())
  }

  #closedError(): NetviaError {
    return new NetviaError(`the ${this.#name} socket is closed`, { code: 'ERR_SOCKET_CLOSED' })
  }
}
