import { addon } from '../binding/addon.js'
import { Watch } from '../binding/poller.js'
import { type Packet, type ReceiveBuffer, receiveBuffer } from './receive-buffer.js'

export interface PacketHandlers {
  /** Packets or errors are waiting. Call `receive` until it returns -EAGAIN. */
  readable(): void
  /** There is room again, after `notifyWritable`. */
  writable?(): void
}

/** A raw, datagram, netlink or packet descriptor, read in batches when the poller reports it. It owns the descriptor. */
export class PacketSocket {
  readonly fd: number
  readonly #watch: Watch
  readonly #handlers: PacketHandlers
  readonly #payloadSize: number
  readonly #selfArming: boolean
  #armed = false
  #wantsWrite = false
  #closed = false

  /**
   * Owns the descriptor, also if it throws. `payloadSize`: bytes kept per packet. Longer packets are cut, and their `Field.length` is
   * larger. `selfArming`: arms at the start and whenever the `readable` handler returns. Otherwise call `arm` each time.
   */
  constructor(fd: number, handlers: PacketHandlers, payloadSize = 2048, selfArming = true) {
    this.fd = fd
    this.#handlers = handlers
    this.#payloadSize = payloadSize
    this.#selfArming = selfArming
    this.#watch = new Watch(fd, events => this.#ready(events))
    try {
      if (selfArming) this.arm()
      // Adding takes memory, re-arming doesn't. Whatever can fail should fail here.
      else this.#watch.arm(0)
    } catch (error) {
      this.close()
      throw error
    }
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Reads up to 64 packets from the data queue or the error queue. Returns their number, or a negative errno. */
  receive(onPacket: (packet: Packet) => void, errorQueue = false): number {
    const buffer = receiveBuffer(this.#payloadSize)
    const count = this.receiveInto(buffer, errorQueue)
    for (let i = 0; i < count; i++) onPacket(buffer.select(i))
    return count
  }

  /** Like `receive`, for callers that read the buffer themselves. */
  receiveInto(buffer: ReceiveBuffer, errorQueue = false): number {
    const flags = errorQueue ? addon().constants.MSG_ERRQUEUE! : 0
    return addon().receive(this.fd, buffer.memory, buffer.table, flags)
  }

  /** Arranges for one call of `readable`, as soon as there is something to read. */
  arm(): void {
    if (this.#armed) return
    const { EPOLLIN, EPOLLOUT } = addon().constants
    this.#watch.arm(EPOLLIN! | (this.#wantsWrite ? EPOLLOUT! : 0))
    this.#armed = true
  }

  /** Calls `writable` once there is room again. Use it after a send returned -EAGAIN. */
  notifyWritable(): void {
    this.#armed &&= this.#wantsWrite
    this.#wantsWrite = true
    this.arm()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#watch.close()
    addon().close(this.fd)
  }

  #ready(events: number): void {
    const { EPOLLOUT } = addon().constants
    this.#armed = false
    try {
      if (events & ~EPOLLOUT!) this.#handlers.readable()
      if (events & EPOLLOUT! && this.#wantsWrite && !this.#closed) {
        this.#wantsWrite = false
        this.#handlers.writable?.()
      }
    } finally {
      // Re-arms even if a handler throws, so that the socket keeps receiving.
      if (!this.#closed && (this.#selfArming || this.#wantsWrite)) this.arm()
    }
  }
}
