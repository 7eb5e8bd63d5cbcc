import type { IcmpExtension } from './extensions.js'
import type { QuotedPacket } from './quoted-packet.js'

export interface EchoMessage {
  family: 4 | 6
  kind: 'echo-request' | 'echo-reply'
  /** 0-65535. A datagram socket puts its own in its place. */
  identifier: number
  /** 0-65535. */
  sequence: number
  payload: Uint8Array
}

/** RFC 792. Times are milliseconds since midnight UT, 32 bits. */
export interface TimestampMessage {
  family: 4
  kind: 'timestamp-request' | 'timestamp-reply'
  identifier: number
  sequence: number
  originate: number
  receive: number
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

export interface UnreachableMessage extends ErrorMessage {
  family: 4 | 6
  kind: 'unreachable'
  code: number
  /** Of the next hop, with IPv4 code 4 (RFC 1191). */
  mtu?: number
}

export interface TimeExceededMessage extends ErrorMessage {
  family: 4 | 6
  kind: 'time-exceeded'
  code: number
}

export interface ParameterProblemMessage extends ErrorMessage {
  family: 4 | 6
  kind: 'parameter-problem'
  code: number
  /** Offset of the fault in the packet: 8 bits in IPv4, 32 in IPv6. */
  pointer: number
}

export interface PacketTooBigMessage extends ErrorMessage {
  family: 6
  kind: 'packet-too-big'
  mtu: number
}

export interface RedirectMessage4 extends ErrorMessage {
  family: 4
  kind: 'redirect'
  code: number
  gateway: string
}

/** RFC 4861 section 4.5. */
export interface RedirectMessage6 {
  family: 6
  kind: 'redirect'
  target: string
  destination: string
  /** Neighbour discovery options, as they are. */
  options: Uint8Array
}

/** Any other type: as it is, after the checksum. */
export interface OtherMessage {
  family: 4 | 6
  kind: 'other'
  type: number
  code: number
  body: Uint8Array
}

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
  source: string
  destination: string
}

/** A message as it came. */
export type DecodedMessage = IcmpMessage & {
  type: number
  code: number
  checksum: number
  /** `undefined` for ICMPv6 without the addresses it covers. */
  checksumValid: boolean | undefined
  /** An error in words. */
  reason?: string
}
