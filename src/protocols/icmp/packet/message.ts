import type { IcmpExtension } from './extensions.js'
import type { QuotedPacket } from './quoted-packet.js'

/** Echo request or reply (RFC 792, RFC 4443). */
export interface EchoMessage {
  /** 4: ICMP. 6: ICMPv6. */
  family: 4 | 6
  /** Request or reply. */
  kind: 'echo-request' | 'echo-reply'
  /** 0-65535. A datagram socket replaces it with its own. */
  identifier: number
  /** 0-65535. */
  sequence: number
  /** The data after the header. */
  payload: Uint8Array
}

/** Timestamp request or reply (RFC 792). Times are milliseconds since midnight UT, 32 bits. */
export interface TimestampMessage {
  /** 4: only IPv4 has it. */
  family: 4
  /** Request or reply. */
  kind: 'timestamp-request' | 'timestamp-reply'
  /** 0-65535. */
  identifier: number
  /** 0-65535. */
  sequence: number
  /** When the request was sent. */
  originate: number
  /** When the request was received. */
  receive: number
  /** When the reply was sent. */
  transmit: number
}

/** Fields shared by all errors. */
interface ErrorMessage {
  /** The start of the packet that caused the error. */
  quoted: Uint8Array
  /** The same bytes decoded. Only `decode` sets it. */
  original?: QuotedPacket
  /** Extensions (RFC 4884). Only `decode` sets it. */
  extensions?: IcmpExtension[]
}

/** Destination unreachable (RFC 792, RFC 4443). */
export interface UnreachableMessage extends ErrorMessage {
  /** 4: ICMP. 6: ICMPv6. */
  family: 4 | 6
  /** Discriminator. */
  kind: 'unreachable'
  /** Why (RFC 792, RFC 1812, RFC 4443). */
  code: number
  /** MTU of the next hop in bytes, for IPv4 code 4 (RFC 1191). */
  mtu?: number
}

/** Time exceeded (RFC 792, RFC 4443). */
export interface TimeExceededMessage extends ErrorMessage {
  /** 4: ICMP. 6: ICMPv6. */
  family: 4 | 6
  /** Discriminator. */
  kind: 'time-exceeded'
  /** 0: the TTL or hop limit expired in transit. 1: fragments were missing. */
  code: number
}

/** Parameter problem (RFC 792, RFC 4443). */
export interface ParameterProblemMessage extends ErrorMessage {
  /** 4: ICMP. 6: ICMPv6. */
  family: 4 | 6
  /** Discriminator. */
  kind: 'parameter-problem'
  /** What is wrong at `pointer`. */
  code: number
  /** Offset of the fault in the packet: 8 bits for IPv4, 32 for IPv6. */
  pointer: number
}

/** Packet too big (RFC 4443). */
export interface PacketTooBigMessage extends ErrorMessage {
  /** 6: IPv4 uses `unreachable` with code 4 instead. */
  family: 6
  /** Discriminator. */
  kind: 'packet-too-big'
  /** MTU of the next hop, in bytes. */
  mtu: number
}

/** Redirect (RFC 792). */
export interface RedirectMessage4 extends ErrorMessage {
  /** IPv4. */
  family: 4
  /** Discriminator. */
  kind: 'redirect'
  /** 0: for the network. 1: for the host. 2 and 3: the same, for the type of service. */
  code: number
  /** The gateway to use instead. */
  gateway: string
}

/** Redirect (RFC 4861 section 4.5). */
export interface RedirectMessage6 {
  /** IPv6. */
  family: 6
  /** Discriminator. */
  kind: 'redirect'
  /** The better first hop. */
  target: string
  /** The destination it applies to. */
  destination: string
  /** Neighbour discovery options, undecoded. */
  options: Uint8Array
}

/** A message of any other type, undecoded after the checksum. */
export interface OtherMessage {
  /** 4: ICMP. 6: ICMPv6. */
  family: 4 | 6
  /** Discriminator. */
  kind: 'other'
  /** ICMP type. */
  type: number
  /** ICMP code. */
  code: number
  /** The bytes after type, code and checksum. */
  body: Uint8Array
}

/** The messages that `icmp.encode` and `IcmpSocket.send` accept. `kind` and `family` distinguish them. */
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
  /** IPv6 source address. */
  source: string
  /** IPv6 destination address. */
  destination: string
}

/** A decoded message. */
export type DecodedMessage = IcmpMessage & {
  /** ICMP type. */
  type: number
  /** ICMP code. */
  code: number
  /** The checksum in the message. */
  checksum: number
  /** `undefined` for ICMPv6 without the addresses that the checksum covers. */
  checksumValid: boolean | undefined
  /** The meaning of an error, in words. */
  reason?: string
}
