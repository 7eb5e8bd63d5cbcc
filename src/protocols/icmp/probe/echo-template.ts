import { endianness } from 'node:os'
import { typeOf } from '../packet/message-types.js'

const headerLength = 8
const cookieLength = 8
const littleEndian = endianness() === 'LE'

/** Swaps the bytes between network order and this machine's order. */
const swap = (half: number): number => (littleEndian ? ((half & 0xff) << 8) | (half >> 8) : half)

/** Folds a sum to 16 bits by adding the carries. */
function fold(sum: number): number {
  let folded = sum
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16)
  return folded
}

/** Memory that holds packets, each aligned to four bytes. */
export interface PacketMemory {
  readonly bytes: Uint8Array
  readonly words: Int32Array
}

/**
 * The template of a series' echo requests, built once. Each probe only writes its own numbers. The first 8 bytes of the payload
 * (or as many as fit) hold the probe's random cookie. A user's own payload has no room for a cookie, so all of it must come
 * back instead.
 *
 * Words and sums use this machine's byte order (RFC 1071 section 2B shows that sums allow this).
 */
export class EchoTemplate {
  /** Length on the wire. */
  readonly length: number
  /** The bits of the payload's first two words that hold the cookie. */
  readonly cookieMask: Int32Array
  /** Padded to whole words with zeros beyond `length`. */
  readonly #bytes: Uint8Array
  readonly #words: Int32Array
  readonly #replyType: number
  readonly #cookieLength: number
  readonly #sum: number

  constructor(
    readonly family: 4 | 6,
    payload: Uint8Array | number,
  ) {
    const size = typeof payload === 'number' ? payload : payload.length
    this.length = headerLength + size
    this.#words = new Int32Array(Math.max(4, Math.ceil(this.length / 4)))
    const bytes = new Uint8Array(this.#words.buffer)
    this.#bytes = bytes
    bytes[0] = typeOf[family]['echo-request']
    this.#replyType = typeOf[family]['echo-reply']
    if (typeof payload === 'number') for (let i = 0; i < size; i++) bytes[headerLength + i] = i
    else bytes.set(payload, headerLength)
    this.#cookieLength = typeof payload === 'number' ? Math.min(size, cookieLength) : 0
    bytes.fill(0, headerLength, headerLength + this.#cookieLength)
    this.cookieMask = new Int32Array(new Uint8Array(cookieLength).fill(0xff, 0, this.#cookieLength).buffer)
    this.#sum = fold(new Uint16Array(bytes.buffer).reduce((sum, half) => sum + half, 0))
  }

  get payloadSize(): number {
    return this.length - headerLength
  }

  /** The length of a request that includes the whole cookie. */
  get provenLength(): number {
    return headerLength + this.#cookieLength
  }

  /** Bytes of memory a packet needs: whole words, including room for the cookie. */
  get room(): number {
    return this.#bytes.length
  }

  /** Copies the whole template there, without a probe's numbers. */
  copyTo({ bytes }: PacketMemory, at: number): void {
    bytes.set(this.#bytes, at)
  }

  /** Writes a probe's numbers into the packet. The kernel computes checksums for ICMPv6 and datagram sockets. */
  patch(
    { halves, words }: PacketMemory & { halves: Uint16Array },
    at: number,
    identifier: number,
    sequence: number,
    a: number,
    b: number,
  ): void {
    const half = at >> 1
    const word = at >> 2
    const id = swap(identifier)
    const number = swap(sequence)
    halves[half + 2] = id
    halves[half + 3] = number
    words[word + 2] = this.#words[2]! | a
    words[word + 3] = this.#words[3]! | b
    if (this.family === 4) halves[half + 1] = this.#checksum(id, number, a, b)
  }

  /**
   * Whether the message at `at` is the reply with this cookie. `length` is its length on the wire, `kept` how many bytes are
   * there. Truncated replies must be compared too.
   */
  isReply({ bytes, words }: PacketMemory, at: number, length: number, kept: number, a: number, b: number): boolean {
    if (bytes[at] !== this.#replyType) return false
    if (this.#cookieLength === 0) return length >= this.length && this.#carriesPayload(bytes, at, kept)
    if (length < this.provenLength) return false
    const { cookieMask } = this
    const word = at >> 2
    return (words[word + 2]! & cookieMask[0]!) === a && (words[word + 3]! & cookieMask[1]!) === b
  }

  /**
   * Whether this is the start of the request with this cookie. An IPv4 quote may end anywhere after the header (RFC 792). In
   * that case its checksum, which covers the cookie, must match. An IPv6 quote is as long as fits (RFC 4443 section 2.4 c).
   */
  isRequest(quoted: Uint8Array, a: number, b: number): boolean {
    if (quoted[0] !== this.#bytes[0]) return false
    if (this.#cookieLength === 0) return this.#carriesPayload(quoted, 0, quoted.length)
    const cookie = new Uint8Array(Int32Array.of(a, b).buffer)
    const end = Math.min(quoted.length, this.provenLength)
    for (let i = headerLength; i < end; i++) if (quoted[i] !== cookie[i - headerLength]) return false
    return end === this.provenLength || (this.family === 4 && this.#hasChecksum(quoted, a, b))
  }

  #hasChecksum(quoted: Uint8Array, a: number, b: number): boolean {
    const half = (at: number) => swap((quoted[at]! << 8) | quoted[at + 1]!)
    return half(2) === this.#checksum(half(4), half(6), a, b)
  }

  #checksum(id: number, number: number, a: number, b: number): number {
    return ~fold(this.#sum + id + number + (a & 0xffff) + (a >>> 16) + (b & 0xffff) + (b >>> 16)) & 0xffff
  }

  #carriesPayload(data: Uint8Array, at: number, kept: number): boolean {
    const end = Math.min(kept, this.length)
    for (let i = headerLength; i < end; i++) if (data[at + i] !== this.#bytes[i]) return false
    return true
  }
}
