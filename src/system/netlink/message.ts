import { align, pack, readU16, readU32 } from './bytes.js'

/** linux/netlink.h, linux/rtnetlink.h; the same on every architecture. */
export const MessageType = {
  error: 2,
  done: 3,
  /** Messages were lost. */
  overrun: 4,
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
  newNeighbour: 28,
  getNeighbour: 30,
  newRule: 32,
  deleteRule: 33,
  getRule: 34,
  getQdisc: 38,
  newNexthop: 104,
  getNexthop: 106,
} as const

export const MessageFlag = {
  request: 0x1,
  /** The kernel answers each message with NLMSG_ERROR, 0 for done. */
  acknowledge: 0x4,
  /** The kernel's table changed while it was being dumped. */
  dumpInterrupted: 0x10,
  /** NLM_F_ROOT | NLM_F_MATCH */
  dump: 0x300,
  /** For RTM_NEW…: replaces what is there, in one step. */
  replace: 0x100,
  /** For RTM_NEW…: fails if it exists already. */
  exclusive: 0x200,
  create: 0x400,
} as const

const headerSize = 16

export interface NetlinkMessage {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  readonly portId: number
  readonly payload: Uint8Array
}

/** One message with `struct nlmsghdr` (RFC 3549 section 2.3.2). Pure. */
export function encodeMessage(type: number, flags: number, sequence: number, payload: Uint8Array): Uint8Array {
  const length = headerSize + payload.length
  const bytes = new Uint8Array(align(length))
  bytes.set(pack([4, length], [2, type], [2, flags], [4, sequence], [4, 0]))
  bytes.set(payload, headerSize)
  return bytes
}

/** The messages of one datagram. It ends at the first one with an impossible length. Pure. */
export function* decodeMessages(bytes: Uint8Array): Generator<NetlinkMessage> {
  for (let offset = 0; offset + headerSize <= bytes.length; ) {
    const length = readU32(bytes, offset)!
    if (length < headerSize || length > bytes.length - offset) return
    yield {
      type: readU16(bytes, offset + 4)!,
      flags: readU16(bytes, offset + 6)!,
      sequence: readU32(bytes, offset + 8)!,
      portId: readU32(bytes, offset + 12)!,
      payload: bytes.subarray(offset + headerSize, offset + length),
    }
    offset += align(length)
  }
}
