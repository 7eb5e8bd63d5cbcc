import { finishChecksum, sumWords } from './checksum.js'

/** One entry of a label stack (RFC 4950, RFC 3032). */
export interface MplsLabel {
  /** Label value, 20 bits. */
  label: number
  /** Traffic class, 0-7. */
  trafficClass: number
  /** Whether it is the last of its stack. */
  bottom: boolean
  /** Time to live, 0-255. */
  ttl: number
}

/** An extension object (RFC 4884). Class 1, type 1 is an MPLS label stack. */
export interface IcmpExtension {
  /** Class number (RFC 4884 section 8). */
  class: number
  /** C-Type within the class. */
  type: number
  /** The bytes after the object's header. */
  data: Uint8Array
  /** The same bytes decoded; only for class 1, type 1. */
  mpls?: MplsLabel[]
}

const version = 2
const headerLength = 4
/** The highest class number assigned so far (IANA, ICMP Extension Object Classes). */
const lastClass = 5

/**
 * Decodes an extension structure (RFC 4884 section 7). Returns `undefined` if it isn't one or its checksum is wrong. Stops at
 * the first object with an impossible length.
 */
function decodeExtensions(bytes: Uint8Array): IcmpExtension[] | undefined {
  if (bytes.length < headerLength || bytes[0]! >> 4 !== version) return undefined
  // Checksum 0 means that the sender computed none.
  const unchecked = bytes[2] === 0 && bytes[3] === 0
  if (!unchecked && finishChecksum(sumWords(bytes)) !== 0) return undefined
  const objects: IcmpExtension[] = []
  for (let at = headerLength; at + headerLength <= bytes.length; ) {
    const length = (bytes[at]! << 8) | bytes[at + 1]!
    if (length < headerLength || at + length > bytes.length) break
    objects.push(decodeObject(bytes[at + 2]!, bytes[at + 3]!, bytes.slice(at + headerLength, at + length)))
    at += length
  }
  return objects
}

/**
 * Whether the bytes are exactly an extension structure: reserved bits 0, and whole-word objects of assigned classes up to the
 * end.
 */
function isExact(bytes: Uint8Array): boolean {
  let at = headerLength
  while (at + headerLength <= bytes.length) {
    const length = (bytes[at]! << 8) | bytes[at + 1]!
    const inUse = bytes[at + 2]! > 0 && bytes[at + 2]! <= lastClass
    if (length < headerLength || length % 4 !== 0 || !inUse) return false
    at += length
  }
  return bytes[0] === version << 4 && bytes[1] === 0 && at > headerLength && at === bytes.length
}

function decodeObject(objectClass: number, type: number, data: Uint8Array): IcmpExtension {
  const object = { class: objectClass, type, data }
  return objectClass === 1 && type === 1 ? { ...object, mpls: decodeLabels(data) } : object
}

function decodeLabels(data: Uint8Array): MplsLabel[] {
  const labels: MplsLabel[] = []
  for (let at = 0; at + 4 <= data.length; at += 4) {
    const third = data[at + 2]!
    labels.push({
      label: (data[at]! << 12) | (data[at + 1]! << 4) | (third >> 4),
      trafficClass: (third >> 1) & 7,
      bottom: (third & 1) === 1,
      ttl: data[at + 3]!,
    })
  }
  return labels
}

const legacyQuote = 128

/**
 * Splits the body of an error into the quoted packet and the extensions. `length` is the length field in bytes. 0 means none,
 * or a router older than RFC 4884, whose extensions may follow 128 bytes of quote (section 5.5).
 */
export function splitExtensions(
  body: Uint8Array,
  length: number,
): { quoted: Uint8Array; extensions?: IcmpExtension[] } {
  const end = length === 0 ? legacyQuote : length
  const extensions = body.length > end ? decodeExtensions(body.subarray(end)) : undefined
  // Without a length field, the checksum distinguishes an extension from more of the quote. Without a checksum, the whole
  // structure must be exact.
  const certain =
    length !== 0 || (body[end + 2] ?? 0) !== 0 || (body[end + 3] ?? 0) !== 0 || isExact(body.subarray(end))
  if (!extensions || !certain)
    return { quoted: body.slice(0, length === 0 ? body.length : Math.min(length, body.length)) }
  return { quoted: body.slice(0, end), extensions }
}
