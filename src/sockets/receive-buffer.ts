import { addressRoom, Batch, Field, slotHeader } from '../binding/addon.js'

/** Packets of one recvmmsg(2). */
export const slots = Batch.packets

/** A packet as it lies in a shared receive buffer: good only until the next receive. */
export interface Packet {
  /** The payload. Raw IPv4 sockets hand over the IP header too, raw IPv6 sockets don't. */
  readonly data: Uint8Array
  /** `struct sockaddr_*` of the source; empty where there is none. */
  readonly address: Uint8Array
  /** Of an error queue entry: `struct sockaddr_*` of who reported the error. */
  readonly offender: Uint8Array
  /** One of the numbers of `Field`. */
  field(index: number): number
  /** The same as an unsigned number. */
  unsigned(index: number): number
}

/** Room for one recvmmsg(2), used again for every receive of its slot size. */
export class ReceiveBuffer implements Packet {
  readonly memory: Uint8Array
  /** The same, for slots of whole words. */
  readonly words: Int32Array
  readonly table = new Int32Array(slots * Field.size)
  readonly slotSize: number
  #index = 0

  constructor(payloadSize: number) {
    this.slotSize = slotHeader + payloadSize
    this.memory = new Uint8Array(slots * this.slotSize)
    this.words = new Int32Array(this.memory.buffer)
  }

  select(index: number): Packet {
    this.#index = index
    return this
  }

  field(index: number): number {
    return this.table[this.#index * Field.size + index]!
  }

  unsigned(index: number): number {
    return this.field(index) >>> 0
  }

  get data(): Uint8Array {
    const length = Math.min(this.field(Field.length), this.slotSize - slotHeader)
    return this.#slice(slotHeader, length)
  }

  get address(): Uint8Array {
    return this.#slice(0, this.field(Field.addressLength))
  }

  get offender(): Uint8Array {
    return this.#slice(addressRoom, this.field(Field.offenderLength))
  }

  #slice(offset: number, length: number): Uint8Array {
    const start = this.#index * this.slotSize + offset
    return this.memory.subarray(start, start + length)
  }
}

const shared = new Map<number, ReceiveBuffer>()

/** All sockets with packets of one size share one buffer: reading is synchronous. */
export function receiveBuffer(payloadSize: number): ReceiveBuffer {
  let buffer = shared.get(payloadSize)
  if (!buffer) {
    buffer = new ReceiveBuffer(payloadSize)
    shared.set(payloadSize, buffer)
  }
  return buffer
}
