import { endianness } from 'node:os'
import { fillRandomly, random16 } from '../../../binding/random.js'
import { monotonicNow } from '../../../monotonic.js'
import type { EchoRequest } from './echo-request.js'

export const sequences = 0x10000
/** Places of a table at first: one that sends little uses them again and again. */
const firstPlaces = 512
/** A place that was sent so short a time ago isn't given to another probe while there are fresh ones: late replies find it, in ms. */
const rest = 60_000
/** Places in use that are stepped over in search of a free one, before the table counts as full. */
const patience = 256

export const State = {
  /** Nothing is known of it, or it is over. */
  free: 0,
  queued: 1,
  sent: 2,
  /** Timed out, but a late reply still counts. */
  overdue: 3,
  /** Its further replies are duplicates, until the place is needed. */
  answered: 4,
} as const

/** Tables of sockets that were closed: to ask for so much memory anew costs more than a ping. */
const spares: Record<4 | 6, ProbeTable[]> = { 4: [], 6: [] }
const sparesKept = 8

const cookiePool = new Int32Array(1024)
let nextCookie = cookiePool.length

/** Of a `struct sockaddr_in` and a `sockaddr_in6`. */
const wordsOfAddress = { 4: 4, 6: 7 } as const

/**
 * The probes of one socket, as columns: a probe is a place in them, and costs no object. The columns grow as the rate needs places,
 * and are others then. Sequence numbers on the wire are places behind a random one: who sees no packet knows none.
 */
export class ProbeTable {
  state = new Uint8Array(firstPlaces)
  tags = new Float64Array(firstPlaces)
  /** Two words each. */
  cookies = new Int32Array(2 * firstPlaces)
  /** Socket addresses, `addressWords` each. */
  targets: Int32Array
  readonly addressWords: number
  /** When they were handed to the kernel; the same for all of a batch. While queued, `sentMonotonic` is -1. */
  sentWall = new Float64Array(firstPlaces)
  sentMonotonic = new Float64Array(firstPlaces)
  /** The kernel's time of entering the device's queue, milliseconds of the wall clock; NaN while there is none. Where sends are stamped. */
  sentStamps = new Float64Array(firstPlaces)
  /** The same of when the driver passed them on, behind the device's queue. */
  leftStamps = new Float64Array(firstPlaces)
  /** The kernel's number of their stamps; -1 while it is in doubt. */
  stampIds = new Float64Array(firstPlaces)
  /** Of the deadline queue: neighbours, and the bucket. */
  next = new Int32Array(firstPlaces)
  previous = new Int32Array(firstPlaces)
  bucket = new Int32Array(firstPlaces)
  /** 1: an error has come whose quote was cut before the cookie, and wrong. It is believed no other such. */
  doubted = new Uint8Array(firstPlaces)
  readonly #family: 4 | 6
  #firstNumber = random16()
  #requests: (EchoRequest | undefined)[] = []
  #nextFree = 0
  /** Places used so far: a power of two. */
  #places = firstPlaces

  private constructor(family: 4 | 6) {
    this.#family = family
    this.addressWords = wordsOfAddress[family]
    this.targets = new Int32Array(firstPlaces * this.addressWords)
  }

  /** An empty one. To be given back. */
  static take(family: 4 | 6): ProbeTable {
    const spare = spares[family].pop()
    if (!spare) return new ProbeTable(family)
    spare.state.fill(State.free)
    spare.bucket.fill(0)
    spare.#nextFree = 0
    spare.#places = spare.state.length
    spare.#firstNumber = random16()
    return spare
  }

  /** When nobody looks at it any more. */
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

  /** Gives a probe the next place, in turn; -1 where all are in use. */
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

  /** Socket address. A view, good until the place is given to another probe. */
  targetOf(probe: number): Uint8Array {
    const size = 4 * this.addressWords
    return new Uint8Array(this.targets.buffer, probe * size, size)
  }

  /** It is over; its request is forgotten, unless `answered`: then its duplicates will be known. */
  free(probe: number, answered: boolean): void {
    const known = answered && this.#requests[probe]!.owner.duplicate !== undefined
    this.state[probe] = known ? State.answered : State.free
    if (!known) this.#requests[probe] = undefined
  }

  /** Without a verdict. */
  unsettled(): number[] {
    const found: number[] = []
    for (const [probe, state] of this.state.entries()) {
      if (state === State.queued || state === State.sent) found.push(probe)
    }
    return found
  }

  /** Those whose request was cancelled may be taken, too, once they are out of the queue. */
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

  /** All places were used once: from the first again if that has rested, or on to as many fresh ones. */
  #turn(): void {
    const sent = this.sentMonotonic[0]!
    const hasRested = this.state[0] !== State.queued && monotonicNow() - sent > rest
    if (hasRested || this.#places === sequences) this.#nextFree = 0
    else this.#grow()
  }

  #grow(): void {
    this.#places *= 2
    const { addressWords } = this
    this.state = extended(this.state, this.#places)
    this.tags = extended(this.tags, this.#places)
    this.cookies = extended(this.cookies, 2 * this.#places)
    this.targets = extended(this.targets, addressWords * this.#places)
    this.sentWall = extended(this.sentWall, this.#places)
    this.sentMonotonic = extended(this.sentMonotonic, this.#places)
    this.sentStamps = extended(this.sentStamps, this.#places)
    this.leftStamps = extended(this.leftStamps, this.#places)
    this.stampIds = extended(this.stampIds, this.#places)
    this.next = extended(this.next, this.#places)
    this.previous = extended(this.previous, this.#places)
    this.bucket = extended(this.bucket, this.#places)
    this.doubted = extended(this.doubted, this.#places)
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

/** Four bytes as a number in this machine's order, wherever they lie. */
function wordOf(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!]
  return littleEndian ? a | (b << 8) | (c << 16) | (d << 24) : d | (c << 8) | (b << 16) | (a << 24)
}
