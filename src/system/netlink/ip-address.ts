import { AF_INET, AF_INET6 } from '../../sockets/address.js'
import { formatIPv6 } from '../../sockets/ip.js'

/** 4 or 6 for AF_INET or AF_INET6; undefined for a family that has no place in a list of IP addresses. */
export function ipFamily(family: number): 4 | 6 | undefined {
  return family === AF_INET ? 4 : family === AF_INET6 ? 6 : undefined
}

/** Text of 4 or 16 bytes; undefined for any other length. */
export function formatAddress(bytes: Uint8Array | undefined): string | undefined {
  if (bytes?.length === 4) return bytes.join('.')
  return bytes?.length === 16 ? formatIPv6(bytes) : undefined
}
