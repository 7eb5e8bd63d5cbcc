import { endianness } from 'node:os'
import { fillRandomly } from '../../random.js'
import type { EchoRequest } from './echo-request.js'

export const sequences = 0x10000
/** Numbers in use that are stepped over in search of a free one, before the table counts as full. */
const patience = 256

export const State = {
  /** Nothing is known of it, or it is over. */
  free: 0,
  queued: 1,
  sent: 2,
  /** Timed out, but a late reply still counts. */
  overdue: 3,
  /** Its further replies are duplicates, until the number is needed. */
  answered: 4,
} as const

/** Tables of sockets that were closed: to ask for so much memory anew costs more than a ping. */
const spares: Record<4 | 6, ProbeTable[]> = { 4: [], 6: [] }
const sparesKept = 8

const cookiePool = new Int32Array(4096)
let nextCookie = cookiePool.length

/** Of a `struct sockaddr_in` and a `sockaddr_in6`. */
const wordsOfAddress = { 4: 4, 6: 7 } as const

/**
 * The probes of one socket by sequence number, as columns: a probe is a place in them, and costs no object. The kernel gives
 * memory only to the pages that were in use.
 */
export class ProbeTable {
  readonly state = new Uint8Array(sequences)
  readonly tags = new Float64Array(sequences)
  /** Two words each. */
  readonly cookies = new Int32Array(2 * sequences)
  /** Socket addresses, `addressWords` each. */
  readonly targets: Int32Array
  readonly addressWords: number
  /** When they were handed to the kernel; the same for all of a batch. While queued, `sentMonotonic` is -1. */
  readonly sentWall = new Float64Array(sequences)
  readonly sentMonotonic = new Float64Array(sequences)
  /** The kernel's time of that, milliseconds of the wall clock; NaN while there is none. Where sends are stamped. */
  readonly sentStamps = new Float64Array(sequences)
  /** Of the deadline queue: neighbours, and the lane. */
  readonly next = new Int32Array(sequences)
  readonly previous = new Int32Array(sequences)
  readonly lane = new Int32Array(sequences)
  readonly #family: 4 | 6
  #requests: (EchoRequest | undefined)[] = []
  #nextFree = 0

  private constructor(family: 4 | 6) {
    this.#family = family
    this.addressWords = wordsOfAddress[family]
    this.targets = new Int32Array(sequences * this.addressWords)
  }

  /** An empty one. To be given back. */
  static take(family: 4 | 6): ProbeTable {
    const spare = spares[family].pop()
    if (!spare) return new ProbeTable(family)
    spare.state.fill(State.free)
    spare.lane.fill(0)
    spare.#nextFree = 0
    return spare
  }

  /** When nobody looks at it any more. */
  giveBack(): void {
    this.#requests = []
    if (spares[this.#family].length < sparesKept) spares[this.#family].push(this)
  }

  request(sequence: number): EchoRequest {
    return this.#requests[sequence]!
  }

  /** Gives a probe the next number, in turn; -1 where all are in use. */
  insert(request: EchoRequest, target: Uint8Array, tag: number): number {
    const sequence = this.#findFree()
    if (sequence < 0) return -1
    this.state[sequence] = State.queued
    this.#requests[sequence] = request
    this.tags[sequence] = tag
    this.sentMonotonic[sequence] = -1
    this.#setTarget(sequence, target)
    if (nextCookie === cookiePool.length) {
      fillRandomly(cookiePool)
      nextCookie = 0
    }
    const { cookieMask } = request.template
    this.cookies[2 * sequence] = cookiePool[nextCookie++]! & cookieMask[0]!
    this.cookies[2 * sequence + 1] = cookiePool[nextCookie++]! & cookieMask[1]!
    return sequence
  }

  /** Socket address. A view, good until the number is given to another probe. */
  targetOf(sequence: number): Uint8Array {
    const size = 4 * this.addressWords
    return new Uint8Array(this.targets.buffer, sequence * size, size)
  }

  /** It is over; its request is forgotten, unless `answered`: then its duplicates will be known. */
  free(sequence: number, answered: boolean): void {
    const known = answered && this.#requests[sequence]!.owner.duplicate !== undefined
    this.state[sequence] = known ? State.answered : State.free
    if (!known) this.#requests[sequence] = undefined
  }

  /** Sequence numbers without a verdict. */
  unsettled(): number[] {
    const found: number[] = []
    for (const [sequence, state] of this.state.entries()) {
      if (state === State.queued || state === State.sent) found.push(sequence)
    }
    return found
  }

  /** Those whose request was cancelled may be taken, too, once they are out of the queue. */
  #findFree(): number {
    for (let i = 0; i < patience; i++) {
      const sequence = this.#nextFree
      this.#nextFree = (sequence + 1) & (sequences - 1)
      const state = this.state[sequence]
      if (state === State.free || state === State.answered) return sequence
      if (state !== State.queued && this.#requests[sequence]!.cancelled) return sequence
    }
    return -1
  }

  #setTarget(sequence: number, target: Uint8Array): void {
    const { targets, addressWords } = this
    let at = sequence * addressWords
    for (let i = 0; i < 4 * addressWords; i += 4) targets[at++] = wordOf(target, i)
  }
}

const littleEndian = endianness() === 'LE'

/** Four bytes as a number in this machine's order, wherever they lie. */
function wordOf(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!]
  return littleEndian ? a | (b << 8) | (c << 16) | (d << 24) : d | (c << 8) | (b << 16) | (a << 24)
}
