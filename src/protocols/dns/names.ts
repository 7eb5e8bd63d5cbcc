import { domainToASCII } from 'node:url'
import { canonicalName } from './hosts.js'

/**
 * Converts a name to its form on the wire: IDN in punycode (UTS 46), lower case, without the final dot. Undefined if it is
 * no domain name (RFC 1035 section 2.3.4: labels of 1-63 bytes, 253 in all).
 */
export function wireName(name: string): string | undefined {
  const ascii = canonicalName(isAscii(name) ? name : domainToASCII(name))
  const labels = ascii.split('.')
  const fits = ascii.length <= 253 && labels.every(label => label.length >= 1 && label.length <= 63)
  return fits && !/[\s\0]/.test(ascii) ? ascii : undefined
}

/**
 * Whether a name from DNS can be a host name. A label may hold any bytes; a host name has letters, digits and hyphens (RFC
 * 1123 section 2.1), and often underscores.
 */
export function isHostName(name: string): boolean {
  return /^[a-z\d_][a-z\d_.-]*$/i.test(name)
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

/** RFC 6761 section 6.3: these names stay on this machine. */
export function isLocalhost(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost')
}

/** The names to look up, in order, as in resolv.conf(5). A final dot means only this name. */
export function searchNames(
  name: string,
  wire: string,
  { search, ndots }: { search: readonly string[]; ndots: number },
) {
  if (name.endsWith('.')) return [wire]
  const inDomains = search.map(domain => wireName(`${wire}.${domain}`)).filter(candidate => candidate !== undefined)
  const dots = wire.split('.').length - 1
  return dots >= ndots ? [wire, ...inDomains] : [...inDomains, wire]
}

/** The name of an address's PTR record (RFC 1035 section 3.5, RFC 3596 section 2.5). */
export function reverseName(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes.toReversed().join('.')}.in-addr.arpa`
  const nibbles = [...bytes].flatMap(byte => [byte >> 4, byte & 15]).toReversed()
  return `${nibbles.map(nibble => nibble.toString(16)).join('.')}.ip6.arpa`
}
