import { formatIPv6, parseIP, unmapped } from '../../sockets/ip.js'
import { magicCookie } from './cookie.js'

/** An address and a port, as STUN carries them. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

/** Attribute types: RFC 8489 section 18.3, RFC 5780 section 7. The names in comments are those of the registry. */
export const type = {
  mappedAddress: 0x0001,
  changeRequest: 0x0003,
  /** SOURCE-ADDRESS and CHANGED-ADDRESS of RFC 3489, which old servers send in place of the last two below. */
  sourceAddress: 0x0004,
  changedAddress: 0x0005,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  xorMappedAddress: 0x0020,
  software: 0x8022,
  fingerprint: 0x8028,
  responseOrigin: 0x802b,
  otherAddress: 0x802c,
} as const

/** Required attributes of RFC 8489 about credentials, which netvia doesn't have: USERNAME, MESSAGE-INTEGRITY and so on. */
const ofCredentials = [0x0006, 0x0008, 0x0014, 0x0015, 0x001c, 0x001d, 0x001e]
const known = new Set<number>([...Object.values(type), ...ofCredentials])

/** Whether a message with this unknown attribute can't be understood (RFC 8489 section 14). */
export function isRequired(attribute: number): boolean {
  return attribute < 0x8000 && !known.has(attribute)
}

/** CHANGE-REQUEST's flags (RFC 5780 section 7.2). */
export const change = { address: 4, port: 2 } as const

/** MAPPED-ADDRESS and its relatives (RFC 8489 section 14.1). */
export function encodeEndpoint({ address, port }: Endpoint): Buffer {
  const bytes = parseIP(unmapped(address))
  return Buffer.from([0, bytes.length === 4 ? 1 : 2, port >> 8, port & 0xff, ...bytes])
}

/** Undefined if the bytes are no address. */
export function decodeEndpoint(value: Buffer): Endpoint | undefined {
  const isIPv4 = value[1] === 1 && value.length === 8
  if (!isIPv4 && !(value[1] === 2 && value.length === 20)) return undefined
  const bytes = value.subarray(4)
  return { address: isIPv4 ? bytes.join('.') : formatIPv6(bytes), port: value.readUInt16BE(2) }
}

/** Converts MAPPED-ADDRESS to XOR-MAPPED-ADDRESS, and back (RFC 8489 section 14.2). */
export function xored(value: Buffer, transaction: Buffer): Buffer {
  const mask = Buffer.concat([magicCookie.subarray(0, 2), magicCookie, transaction])
  return Buffer.from(value.map((byte, at) => (at < 2 ? byte : byte ^ mask[at - 2]!)))
}

/** Whether two endpoints are the same, regardless of how their addresses are written. */
export function sameEndpoint(one: Endpoint, other: Endpoint): boolean {
  return one.port === other.port && sameAddress(one.address, other.address)
}

export function sameAddress(one: string, other: string): boolean {
  return Buffer.from(parseIP(unmapped(one))).equals(parseIP(unmapped(other)))
}
