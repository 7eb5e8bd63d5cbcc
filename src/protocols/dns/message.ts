import { type Answer, decode, encode, type Question, RECURSION_DESIRED } from 'dns-packet'
import { nodeCrypto } from '../../builtins.js'
import type { RecordType } from './records.js'

/** One question on its way. Each try is a new one, with a new id. */
export interface Query {
  readonly id: number
  readonly name: string
  readonly type: RecordType
  readonly edns: boolean
}

/** A message that answers a query: validated, its answer section decoded. */
export interface Response {
  /** RFC 1035 section 4.1.1, RFC 6895: `NOERROR`, `NXDOMAIN`, `SERVFAIL`, … */
  readonly rcode: string
  /** Cut to fit UDP: ask again over TCP. */
  readonly truncated: boolean
  /** Neither authoritative nor willing to ask others: it only refers elsewhere, which a stub resolver can't follow. */
  readonly referral: boolean
  /** The server put the OPT record of EDNS, or the answer itself, into a section where it does not belong. */
  readonly misplaced: boolean
  readonly answers: readonly Answer[]
}

/** RFC 9715: fits the smallest path of IPv6 without fragments. */
const udpPayloadSize = 1232

/** Records read of each section. A message may point each of its names through thousands of others: this bounds the work it can ask for. */
const maxRecords = 1000

const rcodes = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']

export function newQuery(name: string, type: RecordType, edns: boolean): Query {
  return { id: nodeCrypto().randomInt(0x1_0000), name, type, edns }
}

export function encodeQuery({ id, name, type, edns }: Query): Uint8Array {
  const opt = { type: 'OPT', name: '.', udpPayloadSize, extendedRcode: 0, ednsVersion: 0, flags: 0 } as const
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ name, type, class: 'IN' }],
    additionals: edns ? [{ ...opt, flag_do: false, options: [] }] : [],
  })
}

/**
 * The response in `bytes` if it is one to this very query: a response, the same id, opcode and question (names without
 * case, RFC 4343). Undefined for everything else, garbage included: whoever sent it, the wait goes on.
 */
export function decodeResponse(bytes: Uint8Array, query: Query): Response | undefined {
  if (bytes.length < 12) return undefined
  // A copy: the bytes lie in a shared buffer, and the decoder hands out views.
  const message = Buffer.from(bytes)
  const flags = message.readUInt16BE(2)
  if (message.readUInt16BE(0) !== query.id || (flags & 0xf800) !== 0x8000) return undefined
  const rcode = rcodes[flags & 15] ?? `RCODE${flags & 15}`
  const truncated = (flags & 0x0200) !== 0
  const [questions, answers] = [message.readUInt16BE(4), message.readUInt16BE(6)]
  const question = questions === 0 ? undefined : firstQuestion(message)
  if (question && !repeats(question, query)) return undefined
  // A server that refuses may leave out the question, or send a bare header whatever its counts say (RFC 1035 section 4.1.1).
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') {
    return { rcode, truncated: false, referral: false, misplaced: false, answers: [] }
  }
  if (!question || questions !== 1) return undefined
  const referral = (flags & 0x0480) === 0 && answers === 0
  // What was cut off is asked for again in full.
  if (truncated) return { rcode, truncated, referral, misplaced: false, answers: [] }
  const found = sectionsOf(message, 1)?.answers
  if (!found) return undefined
  const misplaced =
    query.edns && rcode === 'NOERROR' && found.every(({ type }) => type === 'OPT') && isMisplaced(message, query)
  return { rcode, truncated, referral: referral && !misplaced, misplaced, answers: found }
}

function firstQuestion(message: Buffer): Question | undefined {
  return sectionsOf(message, 0)?.questions?.[0]
}

function repeats({ name, type, class: kind }: Question, query: Query): boolean {
  return name.toLowerCase() === query.name && type === query.type && (kind as string) === 'IN'
}

const isOf = (query: Query) => (record: Answer) =>
  record.name.toLowerCase() === query.name && (record.type === query.type || record.type === 'CNAME')

function isMisplaced(message: Buffer, query: Query): boolean {
  const { answers = [], authorities = [], additionals = [] } = sectionsOf(message, 3) ?? {}
  return (
    [...answers, ...authorities].some(({ type }) => type === 'OPT') ||
    [...authorities, ...additionals].some(isOf(query))
  )
}

/** The question and the first so many other sections; undefined where they can't be read. The others are not looked at. */
function sectionsOf(message: Buffer, sections: 0 | 1 | 2 | 3) {
  const copy = Buffer.from(message)
  copy.writeUInt16BE(1, 4)
  for (let section = 1; section <= 3; section++) {
    const at = 4 + 2 * section
    copy.writeUInt16BE(section <= sections ? Math.min(copy.readUInt16BE(at), maxRecords) : 0, at)
  }
  try {
    return decode(copy)
  } catch {
    return undefined
  }
}
