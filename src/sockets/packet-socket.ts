import { addon } from '../binding/addon.js'
import { Watch } from '../binding/poller.js'
import { type Packet, receiveBuffer } from './receive-buffer.js'

export interface PacketHandlers {
  /** Packets or errors wait: drain with `receive` until it says -EAGAIN. Re-armed when the handler returns. */
  readable(): void
  /** There is room again, after `notifyWritable`. */
  writable?(): void
}

/** A raw, datagram, netlink or packet descriptor, read in batches when the poller says so. It owns the descriptor. */
export class PacketSocket {
  readonly fd: number
  readonly #watch: Watch
  readonly #handlers: PacketHandlers
  readonly #payloadSize: number
  #wantsWrite = false
  #closed = false

  /** `payloadSize`: bytes kept of a packet; longer ones are cut, and say so by a larger `Field.length`. */
  constructor(fd: number, handlers: PacketHandlers, payloadSize = 2048) {
    this.fd = fd
    this.#handlers = handlers
    this.#payloadSize = payloadSize
    this.#watch = new Watch(fd, events => this.#ready(events))
    try {
      this.#arm()
    } catch (error) {
      this.close()
      throw error
    }
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Reads up to 64 packets of the data queue or the error queue. Returns how many, or a negative errno. */
  receive(onPacket: (packet: Packet) => void, errorQueue = false): number {
    const buffer = receiveBuffer(this.#payloadSize)
    const flags = errorQueue ? addon().constants.MSG_ERRQUEUE! : 0
    const count = addon().receive(this.fd, buffer.memory, buffer.table, flags)
    for (let i = 0; i < count; i++) onPacket(buffer.select(i))
    return count
  }

  /** Calls `writable` once there is room again: for after a send said -EAGAIN. */
  notifyWritable(): void {
    this.#wantsWrite = true
    this.#arm()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#watch.close()
    addon().close(this.fd)
  }

  #arm(): void {
    const { EPOLLIN, EPOLLOUT } = addon().constants
    this.#watch.arm(EPOLLIN! | (this.#wantsWrite ? EPOLLOUT! : 0))
  }

  #ready(events: number): void {
    const { EPOLLOUT } = addon().constants
    if (events & ~EPOLLOUT!) this.#handlers.readable()
    if (events & EPOLLOUT! && this.#wantsWrite && !this.#closed) {
      this.#wantsWrite = false
      this.#handlers.writable?.()
    }
    if (!this.#closed) this.#arm()
  }
}
