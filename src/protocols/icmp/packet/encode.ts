import { isIPv4, isIPv6 } from '../../../builtins.js'
import { invalidArgument } from '../../../errors.js'
import { isBytes } from '../../../options.js'
import { parseIP } from '../../../sockets/ip.js'
import { finishChecksum, sumPseudoHeader, sumWords } from './checksum.js'
import type { IcmpMessage, PseudoHeader } from './message.js'
import { typeOf } from './message-types.js'

const headerLength = 8

/**
 * Encodes an ICMP message, including its checksum. ICMPv6 checksums also cover the addresses: without `addresses` the field is
 * 0, and the kernel fills it in when sending (RFC 3542 section 3.1).
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` for a number that doesn't fit its field, or a kind the family doesn't have.
 */
export function encode(message: IcmpMessage, addresses?: PseudoHeader): Uint8Array {
  messageCheck(message)
  const bytes = encodeBody(message)
  const view = viewOf(bytes)
  view.setUint8(0, typeNumber(message))
  view.setUint8(1, 'code' in message ? fits('code', message.code, 8) : 0)
  if (message.family === 4) view.setUint16(2, finishChecksum(sumWords(bytes)))
  else if (addresses) view.setUint16(2, finishChecksum(sumWords(bytes, pseudoHeaderSum(addresses, bytes.length))))
  return bytes
}

/** Throws if the value is not a message. */
export function messageCheck(message: unknown): void {
  const isMessage = typeof message === 'object' && message !== null && !isBytes(message)
  if (!isMessage) throw invalidArgument('message', message, 'an ICMP message, not its bytes')
}

export function pseudoHeaderSum({ source, destination }: PseudoHeader, length: number): number {
  return sumPseudoHeader(ipv6Bytes('source', source), ipv6Bytes('destination', destination), length)
}

function typeNumber(message: IcmpMessage): number {
  if (message.kind === 'other') return fits('type', message.type, 8)
  const types: Partial<Record<string, number>> = typeOf[message.family]
  const type = types?.[message.kind]
  if (type === undefined)
    throw invalidArgument('kind', message.kind, `a kind of ICMP message of family ${message.family}`)
  return type
}

function encodeBody(message: IcmpMessage): Uint8Array {
  switch (message.kind) {
    case 'echo-request':
    case 'echo-reply':
      return withHeader(message.payload, view => setEcho(view, message))
    case 'timestamp-request':
    case 'timestamp-reply':
      return withHeader(new Uint8Array(12), view => {
        setEcho(view, message)
        view.setUint32(8, fits('originate', message.originate, 32))
        view.setUint32(12, fits('receive', message.receive, 32))
        view.setUint32(16, fits('transmit', message.transmit, 32))
      })
    case 'unreachable':
      return withHeader(message.quoted, view => view.setUint16(6, fits('mtu', message.mtu ?? 0, 16)))
    case 'time-exceeded':
      return withHeader(message.quoted, () => {})
    case 'parameter-problem':
      return withHeader(message.quoted, view => setPointer(view, message.family, message.pointer))
    case 'packet-too-big':
      return withHeader(message.quoted, view => view.setUint32(4, fits('mtu', message.mtu, 32)))
    case 'redirect':
      return encodeRedirect(message)
    case 'other':
      return joined(new Uint8Array(4), message.body)
    default:
      throw invalidArgument('kind', (message as IcmpMessage).kind, 'a kind of ICMP message')
  }
}

function encodeRedirect(message: IcmpMessage & { kind: 'redirect' }): Uint8Array {
  if (message.family === 6) {
    const { target, destination, options } = message
    return joined(
      new Uint8Array(headerLength),
      ipv6Bytes('target', target),
      ipv6Bytes('destination', destination),
      options,
    )
  }
  if (typeof message.gateway !== 'string' || !isIPv4(message.gateway))
    throw invalidArgument('gateway', message.gateway, 'an IPv4 address')
  const bytes = joined(new Uint8Array(headerLength), message.quoted)
  bytes.set(message.gateway.split('.').map(Number), 4)
  return bytes
}

function setEcho(view: DataView, { identifier, sequence }: { identifier: number; sequence: number }): void {
  view.setUint16(4, fits('identifier', identifier, 16))
  view.setUint16(6, fits('sequence', sequence, 16))
}

function setPointer(view: DataView, family: 4 | 6, pointer: number): void {
  if (family === 4) view.setUint8(4, fits('pointer', pointer, 8))
  else view.setUint32(4, fits('pointer', pointer, 32))
}

function withHeader(body: Uint8Array, fill: (view: DataView) => void): Uint8Array {
  const bytes = joined(new Uint8Array(headerLength), body)
  fill(viewOf(bytes))
  return bytes
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

function joined(...parts: Uint8Array[]): Uint8Array {
  for (const part of parts) if (!isBytes(part)) throw invalidArgument('body', part, 'a Uint8Array')
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

function fits(name: string, value: number, bits: number): number {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) {
    throw invalidArgument(name, value, `an integer from 0 to ${2 ** bits - 1}`)
  }
  return value
}

function ipv6Bytes(name: string, address: string): Uint8Array {
  if (typeof address !== 'string' || !isIPv6(address)) throw invalidArgument(name, address, 'an IPv6 address')
  return parseIP(address)
}
