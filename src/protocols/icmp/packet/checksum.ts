/** Sums 16-bit words in network order without folding. An odd last byte counts as the high byte. */
export function sumWords(bytes: Uint8Array, start = 0): number {
  let sum = start
  const even = bytes.length & ~1
  for (let i = 0; i < even; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!
  return even < bytes.length ? sum + (bytes[even]! << 8) : sum
}

/** Returns the ones' complement of the folded sum: the checksum of RFC 1071. */
export function finishChecksum(sum: number): number {
  let folded = sum
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000)
  return ~folded & 0xffff
}

/** Whether the checksum of a whole ICMPv4 message is right (RFC 792). */
export function hasValidChecksum(message: Uint8Array): boolean {
  return finishChecksum(sumWords(message)) === 0
}

/** Sum of the IPv6 pseudo header (RFC 8200 section 8.1) for ICMPv6. Both addresses have 16 bytes. */
export function sumPseudoHeader(source: Uint8Array, destination: Uint8Array, length: number): number {
  return sumWords(source) + sumWords(destination) + (length >>> 16) + (length & 0xffff) + 58
}
