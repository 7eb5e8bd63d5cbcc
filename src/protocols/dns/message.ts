import { type Answer, decode, encode, RECURSION_DESIRED } from 'dns-packet'
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
  readonly answers: readonly Answer[]
}

/** RFC 9715: fits the smallest path of IPv6 without fragments. */
const udpPayloadSize = 1232

/** A server's message may point each of its names through thousands of others: this bounds the work it can ask for. */
const maxAnswers = 1000

const rcodes = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']

export function newQuery(name: string, type: RecordType, edns = true): Query {
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
  const questions = message.readUInt16BE(4)
  // Servers that could not read the query can't repeat it (RFC 1035 section 4.1.1).
  if (questions === 0 && (rcode === 'FORMERR' || rcode === 'NOTIMP')) {
    return { rcode, truncated, referral: false, answers: [] }
  }
  if (questions !== 1) return undefined
  // What was cut off is asked for again in full, and the other sections are of no use to a stub resolver.
  const answers = truncated ? 0 : message.readUInt16BE(6)
  message.writeUInt16BE(Math.min(answers, maxAnswers), 6)
  message.writeUInt32BE(0, 8)
  try {
    const decoded = decode(message)
    const question = decoded.questions![0]!
    const same =
      question.name.toLowerCase() === query.name && question.type === query.type && (question.class as string) === 'IN'
    if (!same) return undefined
    return { rcode, truncated, referral: (flags & 0x0480) === 0 && answers === 0, answers: decoded.answers! }
  } catch {
    return undefined
  }
}
