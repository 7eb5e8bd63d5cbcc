import { formatIPv6 } from '../../../sockets/ip.js'
import { typeOf } from './message-types.js'

/** The packet that an ICMP error quotes. Fields beyond the end of the quote are `undefined`. */
export interface QuotedPacket {
  /** 4 or 6. */
  family: 4 | 6
  /** Its source address. */
  source: string
  /** Its destination address. */
  destination: string
  /** IP protocol number: 1 ICMP, 6 TCP, 17 UDP, 58 ICMPv6. */
  protocol: number
  /** TTL or hop limit when it reached the reporting router. */
  ttl: number
  /** Offset of the transport header in the quote. */
  offset: number
  /** Only for ICMP echo: 0-65535. */
  identifier?: number
  /** Only for ICMP echo: 0-65535. */
  sequence?: number
  /** Only for TCP and UDP. */
  sourcePort?: number
  /** Only for TCP and UDP. */
  destinationPort?: number
}

const echoTypes: readonly number[] = [
  typeOf[4]['echo-request'],
  typeOf[4]['echo-reply'],
  typeOf[6]['echo-request'],
  typeOf[6]['echo-reply'],
]

/** Decodes the start of an IP packet. Returns `undefined` if it ends within the IP header, or isn't IP. */
export function decodeQuotedPacket(bytes: Uint8Array): QuotedPacket | undefined {
  const version = (bytes[0] ?? 0) >> 4
  const packet = version === 4 ? decodeIPv4(bytes) : version === 6 ? decodeIPv6(bytes) : undefined
  return packet && { ...packet, ...decodeTransport(bytes.subarray(packet.offset), packet.protocol) }
}

function decodeIPv4(bytes: Uint8Array): QuotedPacket | undefined {
  const offset = (bytes[0]! & 0x0f) * 4
  if (offset < 20 || bytes.length < offset) return undefined
  // Only the first fragment has a transport header.
  const fragment = ((bytes[6]! & 0x1f) << 8) | bytes[7]!
  return {
    family: 4,
    source: bytes.subarray(12, 16).join('.'),
    destination: bytes.subarray(16, 20).join('.'),
    protocol: bytes[9]!,
    ttl: bytes[8]!,
    offset: fragment ? bytes.length : offset,
  }
}

const ipv6Header = 40
/**
 * Hop-by-hop, routing, destination options, mobility, HIP and shim6 headers. Their length counts units of 8 bytes, minus one.
 */
const chained = new Set([0, 43, 60, 135, 139, 140])
const fragmentHeader = 44
const authenticationHeader = 51

function decodeIPv6(bytes: Uint8Array): QuotedPacket | undefined {
  if (bytes.length < ipv6Header) return undefined
  let protocol = bytes[6]!
  let offset = ipv6Header
  while (offset + 8 <= bytes.length) {
    if (chained.has(protocol)) {
      protocol = bytes[offset]!
      offset += (bytes[offset + 1]! + 1) * 8
    } else if (protocol === authenticationHeader) {
      protocol = bytes[offset]!
      offset += (bytes[offset + 1]! + 2) * 4
    } else if (protocol === fragmentHeader) {
      const later = ((bytes[offset + 2]! << 8) | bytes[offset + 3]!) >> 3 !== 0
      protocol = bytes[offset]!
      offset = later ? bytes.length : offset + 8
    } else break
  }
  return {
    family: 6,
    source: formatIPv6(bytes.subarray(8, 24)),
    destination: formatIPv6(bytes.subarray(24, 40)),
    protocol,
    ttl: bytes[7]!,
    offset,
  }
}

function decodeTransport(header: Uint8Array, protocol: number): Partial<QuotedPacket> {
  const word = (at: number) => (at + 2 <= header.length ? (header[at]! << 8) | header[at + 1]! : undefined)
  if (protocol === 6 || protocol === 17) return { sourcePort: word(0), destinationPort: word(2) }
  const echo = (protocol === 1 || protocol === 58) && echoTypes.includes(header[0] ?? -1)
  return echo ? { identifier: word(4), sequence: word(6) } : {}
}
