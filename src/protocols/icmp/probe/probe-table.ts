import { endianness } from 'node:os'
import { fillRandomly, random16 } from '../../../binding/random.js'
import { monotonicNow } from '../../../monotonic.js'
import type { EchoRequest } from './echo-request.js'

export const sequences = 0x10000
/** Initial size of a table. A socket that sends little keeps reusing these places. */
const firstPlaces = 512
/** Milliseconds a place rests after sending while fresh ones are available, so that late replies still find their probe. */
const rest = 60_000
/** Columns are replaced in few steps, since each leaves its old ones to the heap. Memory of unused places isn't resident. */
const growth = 16
/** Places in use that the search skips before the table counts as full. */
const patience = 256

export const State = {
  /** Unused, or finished. */
  free: 0,
  queued: 1,
  sent: 2,
  /** Timed out, but a late reply still counts. */
  overdue: 3,
  /** Further replies are duplicates, until the place is reused. */
  answered: 4,
} as const

/** Tables of closed sockets. Allocating this memory again costs more than a ping. */
const spares: Record<4 | 6, ProbeTable[]> = { 4: [], 6: [] }
const sparesKept = 8

const cookiePool = new Int32Array(1024)
let nextCookie = cookiePool.length

/** Words of a `struct sockaddr_in` and a `sockaddr_in6`. */
const wordsOfAddress = { 4: 4, 6: 7 } as const

/**
 * The probes of one socket, stored as columns. A probe is an index into them and needs no object. The columns are replaced by
 * larger ones as the rate requires. Sequence numbers on the wire are offset by a random number, so that a host which sees no
 * packets can't guess them.
 */
export class ProbeTable {
  state = new Uint8Array(firstPlaces)
  tags = new Float64Array(firstPlaces)
  /** Two words per probe. */
  cookies = new Int32Array(2 * firstPlaces)
  /** Socket addresses, `addressWords` words each. */
  targets: Int32Array
  readonly addressWords: number
  /** When the kernel received them, the same for a whole batch. `sentMonotonic` is -1 while queued. */
  sentWall = new Float64Array(firstPlaces)
  sentMonotonic = new Float64Array(firstPlaces)
  /**
   * When the kernel queued the packet at the device, in milliseconds of the wall clock; NaN if unknown. Used only with send
   * timestamps.
   */
  sentStamps = new Float64Array(firstPlaces)
  /** When the driver passed the packet on, after the device's queue; NaN if unknown. */
  leftStamps = new Float64Array(firstPlaces)
  /** The kernel's ids of their timestamps; -1 while in doubt. */
  stampIds = new Float64Array(firstPlaces)
  /** Columns of the deadline queue: neighbours and bucket. */
  next = new Int32Array(firstPlaces)
  previous = new Int32Array(firstPlaces)
  bucket = new Int32Array(firstPlaces)
  /** 1 after an error with a wrong quote that ended before the cookie. No other such error is accepted. */
  doubted = new Uint8Array(firstPlaces)
  readonly #family: 4 | 6
  #firstNumber = random16()
  #requests: (EchoRequest | undefined)[] = []
  #nextFree = 0
  /** Number of places in use so far, a power of two. The columns may have room for more. */
  #places = firstPlaces

  private constructor(family: 4 | 6) {
    this.#family = family
    this.addressWords = wordsOfAddress[family]
    this.targets = new Int32Array(firstPlaces * this.addressWords)
  }

  /** Returns an empty table. Give it back with `giveBack`. */
  static take(family: 4 | 6): ProbeTable {
    const spare = spares[family].pop()
    if (!spare) return new ProbeTable(family)
    spare.state.fill(State.free)
    spare.bucket.fill(0)
    spare.#nextFree = 0
    spare.#firstNumber = random16()
    return spare
  }

  /** Returns the table for reuse. Call it when nothing refers to the table any more. */
  giveBack(): void {
    this.#requests = []
    if (spares[this.#family].length < sparesKept) spares[this.#family].push(this)
  }

  /** Sequence number on the wire. */
  numberOf(probe: number): number {
    return (this.#firstNumber + probe) & (sequences - 1)
  }

  probeOf(number: number): number {
    return (number - this.#firstNumber) & (sequences - 1)
  }

  request(probe: number): EchoRequest {
    return this.#requests[probe]!
  }

  /** Gives the probe the next place in turn, or returns -1 if all are in use. */
  insert(request: EchoRequest, target: Uint8Array, tag: number): number {
    const probe = this.#findFree()
    if (probe < 0) return -1
    this.state[probe] = State.queued
    this.#requests[probe] = request
    this.tags[probe] = tag
    this.sentMonotonic[probe] = -1
    this.doubted[probe] = 0
    this.#setTarget(probe, target)
    if (nextCookie === cookiePool.length) {
      fillRandomly(cookiePool)
      nextCookie = 0
    }
    const { cookieMask } = request.template
    this.cookies[2 * probe] = cookiePool[nextCookie++]! & cookieMask[0]!
    this.cookies[2 * probe + 1] = cookiePool[nextCookie++]! & cookieMask[1]!
    return probe
  }

  /** The target's socket address: a view, valid until the place is reused. */
  targetOf(probe: number): Uint8Array {
    const size = 4 * this.addressWords
    return new Uint8Array(this.targets.buffer, probe * size, size)
  }

  /** Frees the place and forgets the request, unless `answered`: then duplicates are still recognised. */
  free(probe: number, answered: boolean): void {
    const known = answered && this.#requests[probe]!.owner.duplicate !== undefined
    this.state[probe] = known ? State.answered : State.free
    if (!known) this.#requests[probe] = undefined
  }

  /** The probes without a verdict. */
  unsettled(): number[] {
    const found: number[] = []
    for (const [probe, state] of this.state.entries()) {
      if (state === State.queued || state === State.sent) found.push(probe)
    }
    return found
  }

  /** Also finds places whose request was cancelled, once they are out of the queue. */
  #findFree(): number {
    for (let i = 0; i < patience; i++) {
      if (this.#nextFree === this.#places) this.#turn()
      const probe = this.#nextFree++
      const state = this.state[probe]
      if (state === State.free || state === State.answered) return probe
      if (state !== State.queued && this.#requests[probe]!.cancelled) return probe
    }
    return -1
  }

  /** All places have been used once. Starts again with the first if it has rested; otherwise doubles the places in use. */
  #turn(): void {
    const sent = this.sentMonotonic[0]!
    const hasRested = this.state[0] !== State.queued && monotonicNow() - sent > rest
    if (hasRested || this.#places === sequences) this.#nextFree = 0
    else this.#grow()
  }

  #grow(): void {
    this.#places *= 2
    if (this.#places > this.state.length) this.#extend(Math.min(growth * this.state.length, sequences))
  }

  #extend(length: number): void {
    const { addressWords } = this
    this.state = extended(this.state, length)
    this.tags = extended(this.tags, length)
    this.cookies = extended(this.cookies, 2 * length)
    this.targets = extended(this.targets, addressWords * length)
    this.sentWall = extended(this.sentWall, length)
    this.sentMonotonic = extended(this.sentMonotonic, length)
    this.sentStamps = extended(this.sentStamps, length)
    this.leftStamps = extended(this.leftStamps, length)
    this.stampIds = extended(this.stampIds, length)
    this.next = extended(this.next, length)
    this.previous = extended(this.previous, length)
    this.bucket = extended(this.bucket, length)
    this.doubted = extended(this.doubted, length)
  }

  #setTarget(probe: number, target: Uint8Array): void {
    const { targets, addressWords } = this
    let at = probe * addressWords
    for (let i = 0; i < 4 * addressWords; i += 4) targets[at++] = wordOf(target, i)
  }
}

function extended<T extends Uint8Array | Int32Array | Float64Array>(column: T, length: number): T {
  const longer = new (column.constructor as new (length: number) => T)(length)
  longer.set(column)
  return longer
}

const littleEndian = endianness() === 'LE'

/** Four bytes at any offset as a number in this machine's order. */
function wordOf(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!]
  return littleEndian ? a | (b << 8) | (c << 16) | (d << 24) : d | (c << 8) | (b << 16) | (a << 24)
}
