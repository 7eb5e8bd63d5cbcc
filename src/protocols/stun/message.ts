import { decodeEndpoint, type Endpoint, encodeEndpoint, isRequired, type, xored } from './attributes.js'
import { magicCookie } from './cookie.js'

const headerLength = 20
/** Binding, the only method (RFC 8489 section 3), with the bits of each class. */
const kinds = { request: 0x0001, success: 0x0101, error: 0x0111 } as const
export type Kind = keyof typeof kinds

/** A received message of the Binding method. */
export interface StunMessage {
  readonly kind: Kind
  /** Its 12 bytes. */
  readonly transaction: Buffer
  /** XOR-MAPPED-ADDRESS, or MAPPED-ADDRESS from a server that sends only that. */
  readonly mapped: Endpoint | undefined
  /** RESPONSE-ORIGIN. */
  readonly origin: Endpoint | undefined
  /** OTHER-ADDRESS. */
  readonly other: Endpoint | undefined
  /** Flags of CHANGE-REQUEST. */
  readonly change: number
  readonly error: { readonly code: number; readonly reason: string } | undefined
  /** Required attributes that are unknown here. */
  readonly unknown: readonly number[]
}

/** The contents of a message. Everything is optional. */
export interface Content {
  readonly mapped?: Endpoint
  readonly origin?: Endpoint
  readonly other?: Endpoint
  readonly change?: number
  readonly error?: { readonly code: number; readonly reason: string }
  readonly unknown?: readonly number[]
}

/** Encodes a message of the Binding method, with a FINGERPRINT at its end (RFC 8489 sections 5 and 14.7). Pure. */
export function encodeMessage(kind: Kind, transaction: Buffer, content: Content = {}): Buffer {
  const { mapped, origin, other, change, error, unknown } = content
  const attributes: Buffer[] = []
  const add = (attribute: number, value: Buffer) => attributes.push(encodeAttribute(attribute, value))
  if (error) add(type.errorCode, encodeError(error))
  if (unknown) add(type.unknownAttributes, Buffer.from(unknown.flatMap(one => [one >> 8, one & 0xff])))
  if (change !== undefined) add(type.changeRequest, Buffer.from([0, 0, 0, change]))
  if (mapped) add(type.xorMappedAddress, xored(encodeEndpoint(mapped), transaction))
  if (origin) add(type.responseOrigin, encodeEndpoint(origin))
  if (other) add(type.otherAddress, encodeEndpoint(other))
  const body = Buffer.concat(attributes)
  const header = Buffer.alloc(headerLength)
  header.writeUInt16BE(kinds[kind])
  // The length includes the fingerprint, which is the checksum of the bytes before it.
  header.writeUInt16BE(body.length + 8, 2)
  header.set(magicCookie, 4)
  header.set(transaction, 8)
  const covered = Buffer.concat([header, body])
  return Buffer.concat([covered, encodeAttribute(type.fingerprint, fingerprint(covered))])
}

function encodeAttribute(attribute: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc(4 + 4 * Math.ceil(value.length / 4))
  bytes.writeUInt16BE(attribute)
  bytes.writeUInt16BE(value.length, 2)
  bytes.set(value, 4)
  return bytes
}

function encodeError({ code, reason }: { code: number; reason: string }): Buffer {
  return Buffer.concat([Buffer.from([0, 0, Math.floor(code / 100), code % 100]), Buffer.from(reason)])
}

/** Undefined for anything but a valid message of the Binding method. The first of repeated attributes counts. Pure. */
export function decodeMessage(bytes: Buffer): StunMessage | undefined {
  if (bytes.length < headerLength || bytes.readUInt16BE(2) !== bytes.length - headerLength) return undefined
  if (bytes.length % 4 !== 0 || !bytes.subarray(4, 8).equals(magicCookie)) return undefined
  const kind = (Object.keys(kinds) as Kind[]).find(name => kinds[name] === bytes.readUInt16BE(0))
  const attributes = readAttributes(bytes)
  if (!kind || !attributes) return undefined
  const transaction = Buffer.from(bytes.subarray(8, headerLength))
  const endpoint = (...names: number[]) =>
    names.map(name => decodeEndpoint(attributes.get(name) ?? Buffer.alloc(0))).find(found => found !== undefined)
  const masked = attributes.get(type.xorMappedAddress)
  const code = attributes.get(type.errorCode)
  return {
    kind,
    transaction,
    mapped: (masked && decodeEndpoint(xored(masked, transaction))) ?? endpoint(type.mappedAddress),
    origin: endpoint(type.responseOrigin, type.sourceAddress),
    other: endpoint(type.otherAddress, type.changedAddress),
    change: attributes.get(type.changeRequest)?.[3] ?? 0,
    error:
      code && code.length >= 4
        ? { code: (code[2]! & 7) * 100 + code[3]!, reason: code.subarray(4).toString() }
        : undefined,
    unknown: [...attributes.keys()].filter(isRequired),
  }
}

/** Undefined if they don't fit, or the fingerprint is wrong. Attributes after a fingerprint are ignored. */
function readAttributes(bytes: Buffer): Map<number, Buffer> | undefined {
  const attributes = new Map<number, Buffer>()
  let at = headerLength
  while (at < bytes.length) {
    const attribute = bytes.readUInt16BE(at)
    const end = at + 4 + bytes.readUInt16BE(at + 2)
    if (end > bytes.length) return undefined
    const value = bytes.subarray(at + 4, end)
    if (attribute === type.fingerprint)
      return end === bytes.length && value.equals(fingerprint(bytes.subarray(0, at))) ? attributes : undefined
    if (!attributes.has(attribute)) attributes.set(attribute, value)
    at = at + 4 + 4 * Math.ceil((end - at - 4) / 4)
  }
  return attributes
}

/** CRC-32 of ITU V.42, XORed with a constant (RFC 8489 section 14.7). */
function fingerprint(covered: Buffer): Buffer {
  let sum = -1
  for (const byte of covered) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0)
  }
  const value = Buffer.alloc(4)
  value.writeInt32BE(~sum ^ 0x5354554e)
  return value
}
