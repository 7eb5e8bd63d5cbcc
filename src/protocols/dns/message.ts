import { type Answer, decode, type Packet, type Question, RECURSION_DESIRED } from 'dns-packet'
import { random16 } from '../../binding/random.js'
import { headerSize, readPlainAnswer } from './plain-answer.js'
import { recordsEnd } from './record-shapes.js'
import { codecType, type RecordType } from './records.js'

/** A question as it is sent. Each attempt is a new one, with a new id. */
export interface Query {
  readonly id: number
  readonly name: string
  readonly type: RecordType
  readonly edns: boolean
}

/** A validated message that answers a query, with its answer section decoded. */
export interface Response {
  /** RFC 1035 section 4.1.1, RFC 6895: `NOERROR`, `NXDOMAIN`, `SERVFAIL`, … */
  readonly rcode: string
  /** Truncated to fit UDP, or with an answer section that can't be read to its end: ask again over TCP. */
  readonly truncated: boolean
  /** Neither authoritative nor recursive: a referral, which a stub resolver can't follow. */
  readonly referral: boolean
  /** The server put the OPT record of EDNS, or the answer itself, into the wrong section. */
  readonly misplaced: boolean
  readonly answers: readonly Answer[]
}

/** RFC 9715: this size fits the smallest IPv6 path without fragments. */
const udpPayloadSize = 1232

/** Records read of each section. A message may point each of its names through thousands of others, so this limits the work. */
const maxRecords = 1000

const rcodes = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']

export function newQuery(name: string, type: RecordType, edns: boolean): Query {
  return { id: random16(), name, type, edns }
}

const dot = 0x2e
const classIn = 1

/** RFC 1035 section 3.2.2, and the registry of IANA. */
const typeNumbers: Readonly<Record<RecordType, number>> = {
  A: 1,
  AAAA: 28,
  CAA: 257,
  CNAME: 5,
  DNSKEY: 48,
  DS: 43,
  HTTPS: 65,
  MX: 15,
  NAPTR: 35,
  NS: 2,
  PTR: 12,
  SOA: 6,
  SRV: 33,
  SSHFP: 44,
  SVCB: 64,
  TLSA: 52,
  TXT: 16,
}

/** The OPT record of RFC 6891: the root's name, type 41, the size that is offered, no extended rcode, flags or options. */
const opt = [0, 0, 41, udpPayloadSize >> 8, udpPayloadSize & 255, 0, 0, 0, 0, 0, 0]

/** One question, recursion desired (RFC 1035 section 4.1). */
export function encodeQuery({ id, name, type, edns }: Query): Uint8Array {
  const nameEnd = headerSize + name.length + 2
  const end = nameEnd + 4
  const bytes = new Uint8Array(edns ? end + opt.length : end)
  bytes[0] = id >> 8
  bytes[1] = id
  bytes[2] = RECURSION_DESIRED >> 8
  bytes[5] = 1
  // The length of the label replaces the dot before it.
  let lengthAt = headerSize
  for (let i = 0; i < name.length; i++) {
    const at = headerSize + 1 + i
    const character = name.charCodeAt(i)
    if (character === dot) lengthAt = at
    else {
      bytes[at] = character
      bytes[lengthAt] = at - lengthAt
    }
  }
  const number = typeNumbers[type]
  bytes[nameEnd] = number >> 8
  bytes[nameEnd + 1] = number
  bytes[nameEnd + 3] = classIn
  if (!edns) return bytes
  bytes[headerSize - 1] = 1
  bytes.set(opt, end)
  return bytes
}

/**
 * Returns the response in `bytes` if it answers this query: a response with the same id, opcode and question (names without
 * case, RFC 4343). Undefined for everything else, including garbage: the wait continues.
 */
export function decodeResponse(bytes: Uint8Array, query: Query): Response | undefined {
  if (bytes.length < 12) return undefined
  const plain = readPlainAnswer(bytes, query)
  if (plain) return plain
  // This copies, because the bytes are in a shared buffer and the decoder returns views.
  const message = Buffer.from(bytes)
  const flags = message.readUInt16BE(2)
  if (message.readUInt16BE(0) !== query.id || (flags & 0xf800) !== 0x8000) return undefined
  const rcode = rcodes[flags & 15] ?? `RCODE${flags & 15}`
  const cut = (flags & 0x0200) !== 0
  const counts = [4, 6, 8, 10].map(at => message.readUInt16BE(at))
  const [questions, answers] = counts as [number, number]
  const isVerdict = rcode === 'NOERROR' || rcode === 'NXDOMAIN'
  // An answer that is truncated, or that a broken forwarder has cut or miscounted, is requested again in full.
  const whole = isVerdict && !cut ? sectionsOf(message, counts, 1) : undefined
  const question = (questions === 0 ? undefined : (whole ?? sectionsOf(message, counts, 0)))?.questions?.[0]
  if (question && !repeats(question, query)) return undefined
  // A server that refuses may leave out the question, or send a bare header, whatever its counts are (RFC 1035 section
  // 4.1.1).
  if (!isVerdict) return { rcode, truncated: false, referral: false, misplaced: false, answers: [] }
  if (!question || questions !== 1) return undefined
  const referral = (flags & 0x0480) === 0 && answers === 0
  if (!whole) return { rcode, truncated: true, referral, misplaced: false, answers: [] }
  const found = whole.answers ?? []
  const isEmpty = query.edns && rcode === 'NOERROR' && found.every(isOpt)
  const all = isEmpty ? sectionsOf(message, counts, 3) : undefined
  const extended = all && extendedRcode(all)
  if (extended) return { rcode: extended, truncated: false, referral: false, misplaced: false, answers: [] }
  const misplaced = all !== undefined && isMisplaced(all, query)
  return { rcode, truncated: false, referral: referral && !misplaced, misplaced, answers: found }
}

function repeats({ name, type, class: kind }: Question, query: Query): boolean {
  return name.toLowerCase() === query.name && type === codecType(query.type) && (kind as string) === 'IN'
}

const isOf = (query: Query) => (record: Answer) =>
  record.name.toLowerCase() === query.name && (record.type === codecType(query.type) || record.type === 'CNAME')

const isOpt = ({ type }: Answer) => type === 'OPT'

function isMisplaced({ answers = [], authorities = [], additionals = [] }: Packet, query: Query): boolean {
  return [...answers, ...authorities].some(isOpt) || [...authorities, ...additionals].some(isOf(query))
}

/** The code whose low four bits are those of NOERROR, and whose others are in the OPT record (RFC 6891 section 6.1.3). */
function extendedRcode({ additionals = [] }: Packet): string | undefined {
  const opt = additionals.find(record => record.type === 'OPT')
  if (!opt?.extendedRcode) return undefined
  const code = opt.extendedRcode * 16
  return code === 16 ? 'BADVERS' : `RCODE${code}`
}

/**
 * Reads the question and the first sections; undefined if they can't be read. Ignores the others. `counts` are the
 * message's own, which this changes.
 */
function sectionsOf(message: Buffer, counts: readonly number[], sections: 0 | 1 | 2 | 3) {
  message.writeUInt16BE(1, 4)
  for (let section = 1; section <= 3; section++) {
    message.writeUInt16BE(section <= sections ? Math.min(counts[section]!, maxRecords) : 0, 4 + 2 * section)
  }
  try {
    const found = decode(message)
    return decode.bytes === recordsEnd(message) ? found : undefined
  } catch {
    return undefined
  }
}
