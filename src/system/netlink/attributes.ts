import { align, pack, readU16 } from './bytes.js'

const headerSize = 4
/** Masks out NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const typeMask = 0x3fff

export type Attributes = ReadonlyMap<number, Uint8Array>

/** Encodes one attribute as padded `struct rtattr` (rtnetlink(3)). Pure. */
export function encodeAttribute(type: number, value: Uint8Array): Uint8Array {
  const length = headerSize + value.length
  const bytes = new Uint8Array(align(length))
  bytes.set(pack([2, length], [2, type]))
  bytes.set(value, headerSize)
  return bytes
}

/** Attributes by type; the last of a type wins. Stops at the first with an impossible length. Pure. */
export function decodeAttributes(bytes: Uint8Array): Attributes {
  const attributes = new Map<number, Uint8Array>()
  for (let offset = 0; ; ) {
    const length = attributeLength(bytes, offset)
    if (length === 0) return attributes
    attributes.set(typeAt(bytes, offset), bytes.subarray(offset + headerSize, offset + length))
    offset += align(length)
  }
}

/**
 * The value of one attribute, if it has so many bytes, for callers that need only that from many messages: where it begins.
 * Undefined without one. Pure.
 */
export function attributeStart(bytes: Uint8Array, start: number, type: number, size: number): number | undefined {
  let found: number | undefined
  for (let offset = start; ; ) {
    const length = attributeLength(bytes, offset)
    if (length === 0) return found
    if (typeAt(bytes, offset) === type) found = length >= headerSize + size ? offset + headerSize : undefined
    offset += align(length)
  }
}

/** Length of the attribute with its header; 0 at the end, or if the length is impossible. */
function attributeLength(bytes: Uint8Array, offset: number): number {
  const length = readU16(bytes, offset) ?? 0
  return length < headerSize || length > bytes.length - offset ? 0 : length
}

function typeAt(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + 2)! & typeMask
}
