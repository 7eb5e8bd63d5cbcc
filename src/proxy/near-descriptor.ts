import type { Socket } from 'node:net'
import { constants as system } from 'node:os'
import { addon } from '../binding/addon.js'
import { Watch } from '../binding/poller.js'
import { Descriptor } from './descriptor.js'
import { type ChunkSource, ended } from './read-message.js'

const { EAGAIN } = system.errno

/** What is read at a time of what a client sends. The rest stays in the kernel. */
const room = Buffer.alloc(4096)

/** A client's connection until a socket or a tunnel takes its place. */
export class NearDescriptor extends Descriptor implements ChunkSource {
  readonly #watch = new Watch(this.fd, events => this.#onEvents(events))
  readonly #onEnd: (() => void)[] = []
  /** Lets a pending `next` look again. */
  #wake: (() => void) | undefined
  #closed = false
  #hasLeft = false

  next(): Buffer | Promise<Buffer> {
    const bytes = this.takeUnread()
    return bytes.length > 0 ? bytes : (this.#read() ?? this.#later())
  }

  /** @throws SocksError if the connection has ended, or takes no more: handshakes are shorter than any buffer. */
  write(bytes: Buffer): void {
    if (this.#closed || addon().write(this.fd, bytes) !== bytes.length) throw ended()
  }

  /** Notices a reset while nothing is read. A near target is connected to before that needs a watch. */
  awaitReset(): void {
    process.nextTick(() => {
      if (this.#closed || this.#hasLeft) return
      try {
        this.#watch.arm(0)
      } catch {
        // Without memory for a watch, the reset shows when the target is connected to.
      }
    })
  }

  /** Resets the connection. */
  cut(): void {
    this.#close(() => addon().reset(this.fd))
  }

  override destroy(): void {
    this.#close(() => super.destroy())
  }

  /** Calls it when the connection is closed, unless another has taken its place. */
  onEnd(listener: () => void): void {
    this.#onEnd.push(listener)
  }

  /** Another will take its place. */
  leave(): void {
    this.#hasLeft = true
    this.#watch.close()
  }

  override toSocket(): Socket {
    this.leave()
    try {
      return super.toSocket()
    } catch (error) {
      this.#ended()
      throw error
    }
  }

  /** Undefined: nothing yet. */
  #read(): Buffer | undefined {
    const length = this.#closed ? 0 : addon().read(this.fd, room)
    if (length > 0) return Buffer.from(room.subarray(0, length))
    if (length === -EAGAIN) return undefined
    throw ended()
  }

  #later(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const wait = () => {
        this.#wake = look
        this.#watch.arm(addon().constants.EPOLLIN!)
      }
      const look = () => {
        try {
          const bytes = this.#read()
          if (bytes) resolve(bytes)
          else wait()
        } catch (error) {
          reject(error)
        }
      }
      wait()
    })
  }

  #onEvents(events: number): void {
    const { EPOLLERR, EPOLLHUP } = addon().constants
    const wake = this.#wake
    this.#wake = undefined
    if (wake) wake()
    else if (events & (EPOLLERR! | EPOLLHUP!)) this.destroy()
  }

  #close(close: () => void): void {
    if (this.#closed) return
    this.leave()
    close()
    this.#ended()
  }

  #ended(): void {
    this.#closed = true
    this.#wake?.()
    for (const listener of this.#onEnd) listener()
  }
}
