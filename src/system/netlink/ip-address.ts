import { AF_INET, AF_INET6 } from '../../sockets/address.js'
import { formatIPv6 } from '../../sockets/ip.js'

/** 4 for AF_INET, 6 for AF_INET6; undefined for other families. */
export function ipFamily(family: number): 4 | 6 | undefined {
  return family === AF_INET ? 4 : family === AF_INET6 ? 6 : undefined
}

/** Formats 4 or 16 bytes as an address; undefined for any other length. */
export function formatAddress(bytes: Uint8Array | undefined): string | undefined {
  if (bytes?.length === 4) return bytes.join('.')
  return bytes?.length === 16 ? formatIPv6(bytes) : undefined
}
