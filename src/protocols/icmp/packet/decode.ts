import { invalidArgument, NetviaError } from '../../../errors.js'
import { isBytes } from '../../../options.js'
import { formatIPv6 } from '../../../sockets/ip.js'
import { finishChecksum, sumWords } from './checksum.js'
import { pseudoHeaderSum } from './encode.js'
import { splitExtensions } from './extensions.js'
import type { DecodedMessage, IcmpMessage, PseudoHeader } from './message.js'
import { fragmentationNeeded, kindOf, type MessageKind } from './message-types.js'
import { decodeQuotedPacket } from './quoted-packet.js'
import { reasonOf } from './reasons.js'

/** Minimum length in bytes for each kind; 8 for all others. */
const shortest: Partial<Record<MessageKind, number>> = { 'timestamp-request': 20, 'timestamp-reply': 20 }
const redirect6Length = 40
const errors: readonly string[] = ['unreachable', 'time-exceeded', 'parameter-problem', 'packet-too-big', 'redirect']

/**
 * Decodes an ICMP message, without IP header, of `family` 4 by default. Byte arrays in the result are copies. Unknown types
 * have kind `other`. A wrong checksum doesn't throw; `checksumValid` reports it. For ICMPv6 that needs `addresses`.
 *
 * @throws NetviaError `ERR_ICMP_MALFORMED` if the message is shorter than its type requires.
 */
export function decode(bytes: Uint8Array, family: 4 | 6 = 4, addresses?: PseudoHeader): DecodedMessage {
  if (!isBytes(bytes)) throw invalidArgument('decode: bytes', bytes, 'a Uint8Array')
  if (family !== 4 && family !== 6) throw invalidArgument('decode: family', family, '4 or 6')
  if (bytes.length < 4) throw tooShort(bytes.length, 4)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const [type, code] = [view.getUint8(0), view.getUint8(1)]
  const kind = kindOf(family, type)
  const message = kind ? decodeBody(bytes, view, family, kind, code) : other(bytes, family, type, code)
  return {
    ...message,
    type,
    code,
    checksum: view.getUint16(2),
    checksumValid: checkSum(bytes, family, addresses),
    ...(kind && errors.includes(kind) && { reason: reasonOf(family, type, code) }),
  }
}

function checkSum(bytes: Uint8Array, family: 4 | 6, addresses: PseudoHeader | undefined): boolean | undefined {
  if (family === 6 && !addresses) return undefined
  return finishChecksum(sumWords(bytes, family === 6 ? pseudoHeaderSum(addresses!, bytes.length) : 0)) === 0
}

function other(bytes: Uint8Array, family: 4 | 6, type: number, code: number): IcmpMessage {
  return { family, kind: 'other', type, code, body: bytes.slice(4) }
}

function decodeBody(bytes: Uint8Array, view: DataView, family: 4 | 6, kind: MessageKind, code: number): IcmpMessage {
  const needed = family === 6 && kind === 'redirect' ? redirect6Length : (shortest[kind] ?? 8)
  if (bytes.length < needed) throw tooShort(bytes.length, needed)
  switch (kind) {
    case 'echo-request':
    case 'echo-reply':
      return { family, kind, ...echoNumbers(view), payload: bytes.slice(8) }
    case 'timestamp-request':
    case 'timestamp-reply': {
      const times = { originate: view.getUint32(8), receive: view.getUint32(12), transmit: view.getUint32(16) }
      return { family: 4, kind, ...echoNumbers(view), ...times }
    }
    case 'unreachable': {
      const mtu = family === 4 && code === fragmentationNeeded ? { mtu: view.getUint16(6) } : {}
      return { family, kind, code, ...mtu, ...quote(bytes, family) }
    }
    case 'time-exceeded':
      return { family, kind, code, ...quote(bytes, family) }
    case 'parameter-problem':
      return {
        family,
        kind,
        code,
        pointer: family === 4 ? view.getUint8(4) : view.getUint32(4),
        ...quote(bytes, family, kind),
      }
    case 'packet-too-big':
      return { family: 6, kind, mtu: view.getUint32(4), ...quote(bytes, family, kind) }
    case 'redirect':
      return decodeRedirect(bytes, family, code)
  }
}

function decodeRedirect(bytes: Uint8Array, family: 4 | 6, code: number): IcmpMessage {
  if (family === 4) {
    return { family, kind: 'redirect', code, gateway: bytes.subarray(4, 8).join('.'), ...quote(bytes, 4, 'redirect') }
  }
  return {
    family,
    kind: 'redirect',
    target: formatIPv6(bytes.subarray(8, 24)),
    destination: formatIPv6(bytes.subarray(24, 40)),
    options: bytes.slice(redirect6Length),
  }
}

/** The length field of an error in bytes. RFC 4884 section 4 defines which errors have one, where it is, and its unit. */
function quoteLength(bytes: Uint8Array, family: 4 | 6, kind?: MessageKind): number {
  if (kind === 'redirect' || kind === 'packet-too-big' || (family === 6 && kind === 'parameter-problem')) return 0
  return family === 4 ? bytes[5]! * 4 : bytes[4]! * 8
}

function quote(bytes: Uint8Array, family: 4 | 6, kind?: MessageKind) {
  const parts = splitExtensions(bytes.subarray(8), quoteLength(bytes, family, kind))
  const original = decodeQuotedPacket(parts.quoted)
  return original ? { ...parts, original } : parts
}

function echoNumbers(view: DataView): { identifier: number; sequence: number } {
  return { identifier: view.getUint16(4), sequence: view.getUint16(6) }
}

function tooShort(length: number, needed: number): NetviaError {
  return new NetviaError(`the ICMP message is cut: ${length} bytes, it needs ${needed}`, { code: 'ERR_ICMP_MALFORMED' })
}
