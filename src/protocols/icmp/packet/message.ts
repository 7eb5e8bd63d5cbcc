import type { IcmpExtension } from './extensions.js'
import type { QuotedPacket } from './quoted-packet.js'

/** Echo request or reply (RFC 792, RFC 4443). */
export interface EchoMessage {
  /** 4: ICMP. 6: ICMPv6. */
  family: 4 | 6
  /** Which of the two. */
  kind: 'echo-request' | 'echo-reply'
  /** 0-65535. A datagram socket puts its own in its place. */
  identifier: number
  /** 0-65535. */
  sequence: number
  /** What follows the header. */
  payload: Uint8Array
}

/** RFC 792. Times are milliseconds since midnight UT, 32 bits. */
export interface TimestampMessage {
  /** IPv4 alone has it. */
  family: 4
  /** Which of the two. */
  kind: 'timestamp-request' | 'timestamp-reply'
  /** 0-65535. */
  identifier: number
  /** 0-65535. */
  sequence: number
  /** When the request left. */
  originate: number
  /** When it came in. */
  receive: number
  /** When the reply left. */
  transmit: number
}

/** What the errors have in common. */
interface ErrorMessage {
  /** The start of the packet that the error is about. */
  quoted: Uint8Array
  /** The same, read. Only from `decode`. */
  original?: QuotedPacket
  /** RFC 4884. Only from `decode`. */
  extensions?: IcmpExtension[]
}

/** Destination unreachable (RFC 792, RFC 4443). */
export interface UnreachableMessage extends ErrorMessage {
  /** 4: ICMP. 6: ICMPv6. */
  family: 4 | 6
  /** Tells it from the others. */
  kind: 'unreachable'
  /** Why (RFC 792, RFC 1812, RFC 4443). */
  code: number
  /** Of the next hop, with IPv4 code 4 (RFC 1191). */
  mtu?: number
}

/** Time exceeded (RFC 792, RFC 4443). */
export interface TimeExceededMessage extends ErrorMessage {
  /** 4: ICMP. 6: ICMPv6. */
  family: 4 | 6
  /** Tells it from the others. */
  kind: 'time-exceeded'
  /** 0: TTL or hop limit ended on the way. 1: fragments were missing. */
  code: number
}

/** Parameter problem (RFC 792, RFC 4443). */
export interface ParameterProblemMessage extends ErrorMessage {
  /** 4: ICMP. 6: ICMPv6. */
  family: 4 | 6
  /** Tells it from the others. */
  kind: 'parameter-problem'
  /** What is wrong at `pointer`. */
  code: number
  /** Offset of the fault in the packet: 8 bits in IPv4, 32 in IPv6. */
  pointer: number
}

/** Packet too big (RFC 4443). */
export interface PacketTooBigMessage extends ErrorMessage {
  /** IPv6 alone has it; in IPv4 it is `unreachable` with code 4. */
  family: 6
  /** Tells it from the others. */
  kind: 'packet-too-big'
  /** Of the next hop, in bytes. */
  mtu: number
}

/** Redirect (RFC 792). */
export interface RedirectMessage4 extends ErrorMessage {
  /** IPv4. */
  family: 4
  /** Tells it from the others. */
  kind: 'redirect'
  /** 0: for the network, 1: for the host; 2 and 3 the same for the type of service. */
  code: number
  /** Where to send it instead. */
  gateway: string
}

/** RFC 4861 section 4.5. */
export interface RedirectMessage6 {
  /** IPv6. */
  family: 6
  /** Tells it from the others. */
  kind: 'redirect'
  /** The better first hop. */
  target: string
  /** The address it is for. */
  destination: string
  /** Neighbour discovery options, as they are. */
  options: Uint8Array
}

/** Any other type: as it is, after the checksum. */
export interface OtherMessage {
  /** 4: ICMP. 6: ICMPv6. */
  family: 4 | 6
  /** Tells it from the others. */
  kind: 'other'
  /** ICMP type. */
  type: number
  /** ICMP code. */
  code: number
  /** What follows type, code and checksum. */
  body: Uint8Array
}

/** What `icmp.encode` and `IcmpSocket.send` take, told apart by `kind` and `family`. */
export type IcmpMessage =
  | EchoMessage
  | TimestampMessage
  | UnreachableMessage
  | TimeExceededMessage
  | ParameterProblemMessage
  | PacketTooBigMessage
  | RedirectMessage4
  | RedirectMessage6
  | OtherMessage

/** The addresses that an ICMPv6 checksum covers. */
export interface PseudoHeader {
  /** IPv6 address it came from. */
  source: string
  /** IPv6 address it came to. */
  destination: string
}

/** A message as it came. */
export type DecodedMessage = IcmpMessage & {
  /** ICMP type. */
  type: number
  /** ICMP code. */
  code: number
  /** As it came. */
  checksum: number
  /** `undefined` for ICMPv6 without the addresses it covers. */
  checksumValid: boolean | undefined
  /** An error in words. */
  reason?: string
}
