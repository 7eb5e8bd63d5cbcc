import { endianness } from 'node:os'

/** Netlink speaks the byte order of the machine (netlink(7)). */
const littleEndian = endianness() === 'LE'

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export function readU16(bytes: Uint8Array, offset = 0): number | undefined {
  if (offset + 2 > bytes.length) return undefined
  const [low, high] = littleEndian ? [offset, offset + 1] : [offset + 1, offset]
  return bytes[low]! | (bytes[high]! << 8)
}

export function readU32(bytes: Uint8Array, offset = 0): number | undefined {
  const value = readI32(bytes, offset)
  return value === undefined ? undefined : value >>> 0
}

export function readI32(bytes: Uint8Array, offset = 0): number | undefined {
  const low = readU16(bytes, littleEndian ? offset : offset + 2)
  const high = readU16(bytes, littleEndian ? offset + 2 : offset)
  return low === undefined || high === undefined ? undefined : low | (high << 16)
}

/** As a number, which is exact up to 2^53. No byte counter reaches that in a machine's lifetime. */
export function readU64(bytes: Uint8Array, offset = 0): number | undefined {
  return offset + 8 <= bytes.length ? Number(viewOf(bytes).getBigUint64(offset, littleEndian)) : undefined
}

/** Text up to its NUL byte. */
export function readText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString()
}

/** Consecutive fields: [size in bytes, value]. */
export function pack(...fields: readonly (readonly [size: 1 | 2 | 4, value: number])[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((total, [size]) => total + size, 0))
  const view = viewOf(bytes)
  let offset = 0
  for (const [size, value] of fields) {
    if (size === 1) view.setUint8(offset, value)
    else if (size === 2) view.setUint16(offset, value, littleEndian)
    else view.setUint32(offset, value >>> 0, littleEndian)
    offset += size
  }
  return bytes
}

/** Headers and attributes start at multiples of four (NLMSG_ALIGN, RTA_ALIGN). */
export function align(length: number): number {
  return (length + 3) & ~3
}

/** An Ethernet address as text; undefined for link addresses of other lengths. */
export function macText(bytes: Uint8Array | undefined): string | undefined {
  return bytes?.length === 6 ? Buffer.from(bytes).toString('hex').match(/../g)!.join(':') : undefined
}
