import { addon, Field } from '../../../binding/addon.js'
import { decodeAddress } from '../../../sockets/address.js'
import type { Packet } from '../../../sockets/receive-buffer.js'
import { finishChecksum, sumWords } from '../packet/checksum.js'
import { decode } from '../packet/decode.js'
import type { DecodedMessage } from '../packet/message.js'
import { typeOf } from '../packet/message-types.js'
import type { IcmpKind } from './open-icmp-descriptor.js'

/** How a message arrived. */
export interface MessageInfo {
  /** Address of the sender. */
  address: string
  /** TTL or hop limit of the message, if the kernel reports it. */
  ttl: number | undefined
}

type Received = [DecodedMessage, MessageInfo]

function infoOf(packet: Packet, source: Uint8Array): MessageInfo | undefined {
  const address = decodeAddress(source)?.address
  const ttl = packet.field(Field.ttl)
  return address === undefined ? undefined : { address, ttl: ttl < 0 ? undefined : ttl }
}

/** Returns `undefined` for packets that aren't valid ICMP messages: too short for their type, or with a wrong checksum. */
export function readMessage(packet: Packet, family: 4 | 6, kind: IcmpKind): Received | undefined {
  const { data } = packet
  // Raw IPv4 sockets include the IP header.
  const offset = family === 4 && kind === 'raw' ? ((data[0] ?? 0) & 0x0f) * 4 : 0
  const info = infoOf(packet, packet.address)
  if (!info) return undefined
  try {
    const message = decode(data.subarray(offset), family)
    // Raw IPv4 sockets receive messages unchecked. On all other kinds the kernel drops bad checksums.
    return message.checksumValid === false ? undefined : [message, info]
  } catch {
    return undefined
  }
}

/**
 * An error about the socket's own request, from the error queue of a datagram socket (IP_RECVERR, ip(7)). The kernel has
 * removed the IP header from the quote. This rebuilds it from what is known: the destination. Source and TTL stay unspecified.
 */
export function readErrorReport(packet: Packet, family: 4 | 6): Received | undefined {
  const { SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6 } = addon().constants
  const origin = packet.field(Field.errorOrigin)
  const info = infoOf(packet, packet.offender)
  if (!info || (origin !== SO_EE_ORIGIN_ICMP && origin !== SO_EE_ORIGIN_ICMP6)) return undefined
  const header = new Uint8Array(headerLength)
  header[0] = packet.field(Field.errorType)
  header[1] = packet.field(Field.errorCode)
  const value = packet.unsigned(Field.errorInfo)
  // The kernel has moved the pointer of an IPv4 message from the first byte to the last.
  const isPointer = family === 4 && header[0] === typeOf[4]['parameter-problem']
  new DataView(header.buffer).setUint32(4, isPointer ? value << 24 : value)
  const message = Uint8Array.from([...header, ...ipHeader(packet.address, family), ...packet.data])
  if (family === 4) new DataView(message.buffer).setUint16(2, finishChecksum(sumWords(message)))
  return [decode(message, family), info]
}

const headerLength = 8

function ipHeader(destination: Uint8Array, family: 4 | 6): Uint8Array {
  const header = new Uint8Array(family === 4 ? 20 : 40)
  header[0] = family === 4 ? 0x45 : 0x60
  header[family === 4 ? 9 : 6] = family === 4 ? 1 : 58
  header.set(family === 4 ? destination.subarray(4, 8) : destination.subarray(8, 24), family === 4 ? 16 : 24)
  return header
}
