import { align, pack, readU16 } from './bytes.js'

const headerSize = 4
/** Without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const typeMask = 0x3fff

export type Attributes = ReadonlyMap<number, Uint8Array>

/** One attribute with `struct rtattr` (rtnetlink(3)), padded. Pure. */
export function encodeAttribute(type: number, value: Uint8Array): Uint8Array {
  const length = headerSize + value.length
  const bytes = new Uint8Array(align(length))
  bytes.set(pack([2, length], [2, type]))
  bytes.set(value, headerSize)
  return bytes
}

/** Attributes by type, the last of a type counts; ends at the first whose length cannot be true. Pure. */
export function decodeAttributes(bytes: Uint8Array): Attributes {
  const attributes = new Map<number, Uint8Array>()
  for (let offset = 0; offset + headerSize <= bytes.length; ) {
    const length = readU16(bytes, offset)!
    if (length < headerSize || length > bytes.length - offset) break
    attributes.set(readU16(bytes, offset + 2)! & typeMask, bytes.subarray(offset + headerSize, offset + length))
    offset += align(length)
  }
  return attributes
}
