import { constants } from 'node:os'
import type { PacketSocket } from './packet-socket.js'
import { sendReported } from './reported-send.js'
import { SendBatch } from './send-batch.js'

/** One packet, and where it leaves from. Empty bytes and 0 mean the socket's own. */
export interface Outgoing {
  readonly data: Uint8Array
  readonly address: Uint8Array
  readonly source?: Uint8Array
  readonly device?: number
}

interface Waiting extends Outgoing {
  resolve(): void
  reject(error: unknown): void
}

const { EAGAIN, EMSGSIZE } = constants.errno
/** A send reports a pending error of an earlier packet once, in place of its own result. */
const attempts = 3
/** Room for two addresses beside the largest packet. */
const addresses = 64

/** Sends packets one by one in their order, and waits while the kernel has no room. */
export class SendQueue {
  readonly #socket: PacketSocket
  readonly #batch: SendBatch
  readonly #failure: (errno: number) => Error
  readonly #verify: () => void
  readonly #reported: 4 | 6 | undefined
  readonly #waiting: Waiting[] = []

  /**
   * `largest`: bytes of the largest packet. `failure`: the error for a negative errno. `verify`: throws once the device is lost.
   * `reported`: the family of a socket whose sends fail if the device's queue is full. Other sockets' packets are then lost.
   */
  constructor(
    socket: PacketSocket,
    largest: number,
    failure: (errno: number) => Error,
    verify: () => void,
    reported?: 4 | 6,
  ) {
    this.#socket = socket
    this.#batch = new SendBatch(largest + addresses)
    this.#failure = failure
    this.#verify = verify
    this.#reported = reported
  }

  /** Resolves when the kernel has accepted the packet. */
  send(packet: Outgoing): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...packet, resolve, reject })
      if (this.#waiting.length === 1) this.writable()
    })
  }

  /** Continues when there is room again. Another device may have the index of the socket's by now. */
  writable(): void {
    try {
      this.#verify()
    } catch (error) {
      this.end(error as Error)
    }
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const errno = this.#sendOne(next)
      if (errno === -EAGAIN) {
        this.#socket.notifyWritable()
        return
      }
      this.#waiting.shift()
      if (errno < 0) next.reject(this.#failure(errno))
      else next.resolve()
    }
  }

  /** Drops what waits. */
  end(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }

  #sendOne({ data, address, source, device }: Waiting): number {
    this.#batch.clear()
    if (!this.#batch.add(data, address, -1, source, device)) return -EMSGSIZE
    let result = 0
    for (let i = 0; i < attempts && result <= 0 && result !== -EAGAIN; i++) result = this.#sendBatch()
    return result
  }

  #sendBatch(): number {
    const { fd } = this.#socket
    return this.#reported === undefined ? this.#batch.send(fd) : sendReported(fd, this.#reported, this.#batch)
  }
}
