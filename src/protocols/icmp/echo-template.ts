import { finishChecksum, sumWords } from './checksum.js'
import { typeOf } from './message-types.js'

const headerLength = 8
const cookieLength = 8

/**
 * The echo request of a series: all of it is made once, and a probe writes its numbers in. The first 8 bytes of the
 * payload are the probe's random cookie (as many as fit); a payload of the user's own has no room for one, and the whole
 * of it must come back instead.
 */
export class EchoTemplate {
  readonly bytes: Uint8Array
  readonly #replyType: number
  readonly #cookieLength: number
  readonly #sum: number

  constructor(
    readonly family: 4 | 6,
    payload: Uint8Array | number,
  ) {
    const size = typeof payload === 'number' ? payload : payload.length
    this.bytes = new Uint8Array(headerLength + size)
    this.bytes[0] = typeOf[family]['echo-request']
    this.#replyType = typeOf[family]['echo-reply']
    if (typeof payload === 'number') for (let i = 0; i < size; i++) this.bytes[headerLength + i] = i
    else this.bytes.set(payload, headerLength)
    this.#cookieLength = typeof payload === 'number' ? Math.min(size, cookieLength) : 0
    this.bytes.fill(0, headerLength, headerLength + this.#cookieLength)
    this.#sum = sumWords(this.bytes)
  }

  /** The packet of a probe, until the next call. ICMPv6 checksums are the kernel's work, and those of datagram sockets. */
  fill(identifier: number, sequence: number, cookie: readonly [number, number]): Uint8Array {
    const { bytes } = this
    bytes[4] = identifier >> 8
    bytes[5] = identifier
    bytes[6] = sequence >> 8
    bytes[7] = sequence
    let sum = this.#sum + identifier + sequence
    for (let i = 0; i < this.#cookieLength; i++) {
      const byte = cookieByte(cookie, i)
      bytes[headerLength + i] = byte
      sum += i & 1 ? byte : byte << 8
    }
    if (this.family === 4) {
      const checksum = finishChecksum(sum)
      bytes[2] = checksum >> 8
      bytes[3] = checksum
    }
    return bytes
  }

  /**
   * Is this, from `offset` on, the reply with that cookie? `length` is that of the message on the wire, of which `data` may
   * hold less. A reply that is cut must not escape the comparison.
   */
  isReply(data: Uint8Array, offset: number, length: number, cookie: readonly [number, number]): boolean {
    const needed = this.#cookieLength > 0 ? headerLength + this.#cookieLength : this.bytes.length
    return data[offset] === this.#replyType && length >= needed && this.#carries(data, offset, cookie)
  }

  /** Is this the start of the request with that cookie? Quotes may be cut anywhere after the header. */
  isRequest(data: Uint8Array, cookie: readonly [number, number]): boolean {
    return data[0] === this.bytes[0] && this.#carries(data, 0, cookie)
  }

  #carries(data: Uint8Array, offset: number, cookie: readonly [number, number]): boolean {
    const end = Math.min(data.length - offset, this.bytes.length)
    const cookieEnd = headerLength + this.#cookieLength
    for (let i = headerLength; i < Math.min(end, cookieEnd); i++) {
      if (data[offset + i] !== cookieByte(cookie, i - headerLength)) return false
    }
    if (this.#cookieLength > 0) return true
    for (let i = headerLength; i < end; i++) if (data[offset + i] !== this.bytes[i]) return false
    return true
  }
}

function cookieByte(cookie: readonly [number, number], index: number): number {
  return (cookie[index >> 2]! >>> (24 - 8 * (index & 3))) & 0xff
}
