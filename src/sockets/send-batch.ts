import { addon, Batch } from '../binding/addon.js'

const none: Uint8Array = new Uint8Array(0)

/** Packets waiting for one sendmmsg(2), with payloads and addresses in one reused buffer. */
export class SendBatch {
  static readonly capacity = Batch.packets
  readonly #table = new Int32Array(SendBatch.capacity * Batch.sendFields)
  readonly #memory: Uint8Array
  #used = 0
  #count = 0

  constructor(bytes = SendBatch.capacity * 1600) {
    this.#memory = new Uint8Array(bytes)
  }

  get count(): number {
    return this.#count
  }

  /**
   * Adds a packet, or returns false if the batch is full. `address` is `struct sockaddr_*` bytes, empty on a connected socket.
   * `ttl` -1, an empty `source` and `device` 0 (an index) keep the socket's own.
   */
  add(payload: Uint8Array, address: Uint8Array, ttl = -1, source = none, device = 0): boolean {
    const size = payload.length + address.length + source.length
    if (this.#count === SendBatch.capacity || this.#used + size > this.#memory.length) return false
    const row = this.#count++ * Batch.sendFields
    this.#table[row] = this.#used
    this.#table[row + 1] = payload.length
    this.#table[row + 2] = this.#used + payload.length
    this.#table[row + 3] = address.length
    this.#table[row + 4] = ttl
    this.#table[row + 5] = this.#used + payload.length + address.length
    this.#table[row + 6] = source.length
    this.#table[row + 7] = device
    this.#memory.set(payload, this.#used)
    this.#memory.set(address, this.#used + payload.length)
    if (source.length > 0) this.#memory.set(source, this.#used + payload.length + address.length)
    this.#used += size
    return true
  }

  /** Sends from packet `first` on. Returns how many the kernel accepted, or the negative errno of that packet. */
  send(fd: number, first = 0): number {
    const table = first === 0 ? this.#table : this.#table.subarray(first * Batch.sendFields)
    return addon().send(fd, this.#memory, table, this.#count - first, 0)
  }

  clear(): void {
    this.#used = 0
    this.#count = 0
  }
}
