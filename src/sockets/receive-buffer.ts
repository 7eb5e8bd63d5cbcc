import { addressRoom, Batch, Field, slotHeader } from '../binding/addon.js'

/** Packets per recvmmsg(2). */
export const slots = Batch.packets

/** A packet in a shared receive buffer. It is valid only until the next receive. */
export interface Packet {
  /** The payload. Raw IPv4 sockets include the IP header, raw IPv6 sockets don't. */
  readonly data: Uint8Array
  /** `struct sockaddr_*` of the source; empty if there is none. */
  readonly address: Uint8Array
  /** For error queue entries: `struct sockaddr_*` of the host that reported the error. */
  readonly offender: Uint8Array
  /** With IP_PKTINFO: `struct sockaddr_*` of the destination, and for IPv4 in `sin_zero` the address that an answer comes from. */
  readonly destination: Uint8Array
  /** Returns one of the numbers of `Field`. */
  field(index: number): number
  /** The same number, unsigned. */
  unsigned(index: number): number
}

/** Buffer for one recvmmsg(2), reused for every receive with its slot size. */
export class ReceiveBuffer implements Packet {
  readonly memory: Uint8Array
  /** The same memory as 32-bit words, for slots of whole words. */
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

  get destination(): Uint8Array {
    return this.offender
  }

  #slice(offset: number, length: number): Uint8Array {
    const start = this.#index * this.slotSize + offset
    return this.memory.subarray(start, start + length)
  }
}

const shared = new Map<number, ReceiveBuffer>()

/** The buffer shared by all sockets with packets of one size. Reading is synchronous, so one is enough. */
export function receiveBuffer(payloadSize: number): ReceiveBuffer {
  let buffer = shared.get(payloadSize)
  if (!buffer) {
    buffer = new ReceiveBuffer(payloadSize)
    shared.set(payloadSize, buffer)
  }
  return buffer
}
