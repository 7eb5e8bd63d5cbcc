import { Field, slotHeader } from '../../../binding/addon.js'
import type { ReceiveBuffer } from '../../../sockets/receive-buffer.js'
import { isThisHost } from '../../../system/this-host.js'
import { hasValidChecksum } from '../packet/checksum.js'
import { milliseconds } from '../socket/timestamps.js'
import type { PacketMemory } from './echo-template.js'
import { type ProbeTable, State } from './probe-table.js'
import { isBroadcast, isMulticast, isOwnAnswer } from './source-check.js'

const headerLength = 8
/** Word offsets of the address within a socket address. */
const addressPlace = { 4: { start: 1, end: 2 }, 6: { start: 2, end: 6 } } as const

interface ReaderSettings {
  family: 4 | 6
  kind: 'datagram' | 'raw'
  identifier: number
  device: string | undefined
  broadcast: boolean
}

/** Finds the probes that received packets answer. It works in the receive buffer, without an object per packet. */
export class ReplyReader {
  /** Size of the reply found last. */
  bytes = 0
  ttl = -1
  type = -1
  code = -1
  receivedStamp = Number.NaN
  /** Socket address of the sender; undefined if that is the target. */
  from: Uint8Array | undefined
  readonly #family: 4 | 6
  readonly #identifier: number
  readonly #device: string | undefined
  readonly #broadcast: boolean
  readonly #hasIpHeader: boolean
  readonly #isRaw: boolean
  readonly #table: ProbeTable
  readonly #buffer: ReceiveBuffer
  readonly #memory: PacketMemory

  constructor(
    { family, kind, identifier, device, broadcast }: ReaderSettings,
    table: ProbeTable,
    buffer: ReceiveBuffer,
  ) {
    this.#family = family
    this.#identifier = identifier
    this.#device = device
    this.#broadcast = broadcast
    this.#isRaw = kind === 'raw'
    // Raw IPv4 sockets include the IP header, raw IPv6 sockets don't.
    this.#hasIpHeader = this.#isRaw && family === 4
    this.#table = table
    this.#buffer = buffer
    this.#memory = { bytes: buffer.memory, words: buffer.words }
  }

  /** The probe that packet `index` of the buffer answers; -1 for none. It may already be answered. */
  read(index: number): number {
    const { table: fields, slotSize } = this.#buffer
    const { bytes } = this.#memory
    const row = index * Field.size
    const slot = index * slotSize
    const start = slot + slotHeader
    const ipHeader = this.#hasIpHeader ? (bytes[start]! & 0x0f) * 4 : 0
    const at = start + ipHeader
    const length = fields[row + Field.length]! - ipHeader
    const kept = Math.min(length, slotSize - slotHeader - ipHeader)
    if (kept < headerLength) return -1
    if (this.#isRaw && ((bytes[at + 4]! << 8) | bytes[at + 5]!) !== this.#identifier) return -1
    const probe = this.#table.probeOf((bytes[at + 6]! << 8) | bytes[at + 7]!)
    const { state, cookies } = this.#table
    // The number may lie outside the table.
    if (!(state[probe]! >= State.sent)) return -1
    const { template } = this.#table.request(probe)
    const [a, b] = [cookies[2 * probe]!, cookies[2 * probe + 1]!]
    if (!template.isReply(this.#memory, at, length, kept, a, b) || !this.#comesFrom(probe, slot, row)) return -1
    // The kernel checks the sum for every other kind of socket. For a truncated reply it can't be verified.
    if (this.#hasIpHeader && kept === length && !hasValidChecksum(bytes.subarray(at, at + length))) return -1
    this.bytes = length
    this.ttl = fields[row + Field.ttl]!
    this.type = bytes[at]!
    this.code = bytes[at + 1]!
    this.receivedStamp = milliseconds(fields[row + Field.seconds]! >>> 0, fields[row + Field.nanoseconds]!)
    return probe
  }

  #comesFrom(probe: number, slot: number, row: number): boolean {
    const { words, memory, table: fields } = this.#buffer
    const { targets, addressWords } = this.#table
    const { start, end } = addressPlace[this.#family]
    this.from = undefined
    let same = true
    for (let i = start; i < end; i++) same &&= words[(slot >> 2) + i] === targets[probe * addressWords + i]
    if (same) return true
    this.from = memory.slice(slot, slot + fields[row + Field.addressLength]!)
    const target = this.#table.targetOf(probe)
    // This machine answers for it, with any of its addresses.
    if (isThisHost(target)) return true
    const isGroup = isMulticast(target, this.#family) || (this.#broadcast && isBroadcast(target, this.#device))
    return isGroup && !isOwnAnswer(this.from, this.#device)
  }
}
