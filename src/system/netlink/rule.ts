import { addressFamily } from '../../sockets/address.js'
import { parseIP } from '../../sockets/ip.js'
import { decodeAttributes, encodeAttribute } from './attributes.js'
import { pack, readI32, readText, readU32 } from './bytes.js'
import { formatAddress, ipFamily } from './ip-address.js'

const headerSize = 12
const attribute = {
  source: 2,
  priority: 6,
  mark: 10,
  suppressPrefixLength: 14,
  table: 15,
  markMask: 16,
  device: 17,
  /** The first of those that select by user, protocol, ports and DSCP. */
  userRange: 20,
  protocol: 21,
} as const
/** FR_ACT_TO_TBL of linux/fib_rules.h. */
const toTable = 1

/** A rule that directs packets to a routing table (ip-rule(8)). */
export interface Rule {
  readonly family: 4 | 6
  readonly priority: number
  readonly table: number
  /** Origin of the rule, numbered as for routes; 0 before Linux 4.17. */
  readonly protocol: number
  /** The rule applies only to packets with exactly this source address. */
  readonly source?: string
  /** The rule applies only to packets of sockets bound to this device. */
  readonly device?: string
  /** The rule applies only to packets with this firewall mark. */
  readonly mark?: number
  /** The rule applies only to packets of some users, protocols, ports or DSCP values. */
  readonly isOfSome?: boolean
  /** Ignores routes of the table with a prefix length of at most this. */
  readonly suppressPrefixLength?: number
}

/** `struct fib_rule_hdr` that requests the rules of all families. */
export const ruleDumpRequest = new Uint8Array(headerSize)

/** RTM_NEWRULE and RTM_DELRULE. Pure. */
export function encodeRule(rule: Rule): Uint8Array {
  const { source, device, mark, suppressPrefixLength } = rule
  const bytes = source === undefined ? new Uint8Array() : parseIP(source)
  const u32 = (type: number, value: number) => encodeAttribute(type, pack([4, value]))
  return Buffer.concat([
    pack([1, addressFamily(rule.family)], [1, 0], [1, 8 * bytes.length], [2, 0], [2, 0], [1, toTable], [4, 0]),
    u32(attribute.priority, rule.priority),
    u32(attribute.table, rule.table),
    encodeAttribute(attribute.protocol, pack([1, rule.protocol])),
    ...(source === undefined ? [] : [encodeAttribute(attribute.source, bytes)]),
    ...(device === undefined ? [] : [encodeAttribute(attribute.device, Buffer.from(`${device}\0`))]),
    ...(mark === undefined ? [] : [u32(attribute.mark, mark), u32(attribute.markMask, 0xffff_ffff)]),
    ...(suppressPrefixLength === undefined ? [] : [u32(attribute.suppressPrefixLength, suppressPrefixLength)]),
  ])
}

/** Decodes a rule; undefined for truncated messages, other families, and rules that lead to no table. Pure. */
export function decodeRule(payload: Uint8Array): Rule | undefined {
  const family = ipFamily(payload[0] ?? 0)
  if (family === undefined || payload.length < headerSize || payload[7] !== toTable) return undefined
  const attributes = decodeAttributes(payload.subarray(headerSize))
  const u32 = (type: number) => readU32(attributes.get(type) ?? new Uint8Array())
  const device = attributes.get(attribute.device)
  const suppress = readI32(attributes.get(attribute.suppressPrefixLength) ?? new Uint8Array()) ?? -1
  const selects = (type: number) => type >= attribute.userRange && type !== attribute.protocol
  return {
    family,
    priority: u32(attribute.priority) ?? 0,
    table: u32(attribute.table) ?? payload[4]!,
    protocol: attributes.get(attribute.protocol)?.[0] ?? 0,
    source: formatAddress(attributes.get(attribute.source)),
    device: device && readText(device),
    mark: u32(attribute.mark),
    isOfSome: payload[3] !== 0 || [...attributes.keys()].some(selects) || undefined,
    suppressPrefixLength: suppress < 0 ? undefined : suppress,
  }
}
