import type { Answer } from 'dns-packet'
import { isIP } from '../../builtins.js'
import { canonicalIP } from '../../sockets/ip.js'
import { canonicalName } from './hosts.js'
import { type AddressType, codecType, type DnsRecord, type RecordData, type RecordType } from './records.js'
import { decodeServiceBinding } from './service-binding.js'

type Plain = Exclude<Answer, { type: 'OPT' }>

/** RFC 1034 asks resolvers to follow chains and to guard against loops. Real chains are far shorter. */
const maxChain = 16

export interface FoundRecord {
  name: string
  type: RecordType
  ttl: number
  data: unknown
}

/**
 * Returns the records of the requested type at the end of the CNAME chain that starts at `name`, all within one answer
 * section. Their ttl is the smallest of the chain. Undefined if the chain never ends.
 */
export function followChain(answers: readonly Answer[], name: string, type: RecordType): FoundRecord[] | undefined {
  const plain = answers.filter((answer): answer is Plain => answer.type !== 'OPT' && isSound(answer))
  let current = name
  let ttl = Number.POSITIVE_INFINITY
  for (let length = 0; length <= maxChain; length++) {
    const here = plain.filter(answer => canonicalName(answer.name) === current)
    const found = here.filter(answer => answer.type === codecType(type)).flatMap(answer => usable(answer, type))
    if (found.length > 0) {
      return found.map(({ data, ttl: own }) => ({ name: current, type, ttl: Math.min(ttl, own), data }))
    }
    const alias = here.find(answer => answer.type === 'CNAME')
    if (!alias) return []
    ttl = Math.min(ttl, timeToLive(alias))
    current = canonicalName(alias.data as string)
  }
  return undefined
}

/**
 * Whether answers in which `followChain` finds no record mean that there is none. Records of the type that belong to other names,
 * or that are malformed, don't, and neither does an answer without a record of the name: the server is broken or lies.
 */
export function isAbout(answers: readonly Answer[], name: string, type: RecordType): boolean {
  const records = answers.filter(answer => answer.type !== 'OPT')
  if (records.some(answer => answer.type === codecType(type))) return false
  return records.length === 0 || records.some(answer => canonicalName(answer.name) === name)
}

/** Returns the record, unless its data must not be used. */
function usable(answer: Plain, type: RecordType): FoundRecord[] {
  const data = dataOf(answer, type)
  return data === undefined ? [] : [{ name: answer.name, type, ttl: timeToLive(answer), data }]
}

function dataOf({ data }: Plain, type: RecordType): unknown {
  if (type === 'SVCB' || type === 'HTTPS') return decodeServiceBinding(data as unknown as Buffer)
  // The codec shortens the first zeros, not the longest.
  return type === 'AAAA' ? canonicalIP(data as string) : data
}

/** The codec accepts truncated addresses. */
function isSound(answer: Plain): boolean {
  const isAddress = answer.type === 'A' || answer.type === 'AAAA'
  return answer.class === 'IN' && (!isAddress || isIP(answer.data as string) === (answer.type === 'A' ? 4 : 6))
}

/** RFC 2181 section 8: a value with the top bit set counts as 0. */
function timeToLive({ ttl = 0 }: Plain): number {
  return ttl > 0x7fff_ffff ? 0 : ttl
}

/** Converts the codec's data to `RecordData`. */
export function toRecord({ name, type, ttl, data }: FoundRecord): DnsRecord {
  const shaped = type === 'TXT' ? [data].flat().map(String) : data
  return {
    type: type as Exclude<RecordType, AddressType>,
    name,
    ttl,
    data: shaped as RecordData[keyof RecordData],
  }
}
