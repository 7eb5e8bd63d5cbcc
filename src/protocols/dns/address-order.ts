import type { PathOptions } from '../../options.js'
import { parseIP } from '../../sockets/ip.js'
import { sourceAddress } from '../../sockets/source-address.js'
import { isAddressOf } from '../../system/reach.js'

/** RFC 8305 section 3: how long one family's addresses wait for the other's, in milliseconds. */
export const resolutionDelay = 50

/**
 * Sorts by the rules of RFC 6724 that matter to a program. Addresses that can't be reached over this path come last (rule
 * 1), after those to which packets would have an address of another kind (rules 2 and 5) or of another device. Otherwise IPv6
 * comes before IPv4 (rule 6 with its default table), in the name server's order.
 */
export function orderAddresses<T extends { address: string; family: 4 | 6 }>(
  addresses: readonly T[],
  path: PathOptions,
): T[] {
  if (addresses.length < 2) return [...addresses]
  const rank = new Map(addresses.map(item => [item, 2 * obstaclesTo(item.address, path) + (item.family === 6 ? 0 : 1)]))
  return addresses.toSorted((a, b) => rank.get(a)! - rank.get(b)!)
}

/** 2 without a route, 1 if the source address is of another kind or of another device, where answers may go; else 0. */
export function obstaclesTo(address: string, path: PathOptions): 0 | 1 | 2 {
  const { device } = path
  try {
    const source = sourceAddress({ address }, path)
    const isOwn = device === undefined || isAddressOf(source, device)
    return isOwn && kindOf(source) === kindOf(address) ? 0 : 1
  } catch {
    return 2
  }
}

/**
 * How far an address is valid: on a link (RFC 3927, RFC 4291 section 2.5.6), in a network that the Internet doesn't know (RFC 4193), or
 * everywhere. Private IPv4 addresses are translated.
 */
function kindOf(address: string): 'link' | 'local' | 'global' {
  const [first = 0, second = 0] = parseIP(address)
  if (!address.includes(':')) return first === 169 && second === 254 ? 'link' : 'global'
  if (first === 0xfe && second >> 6 === 2) return 'link'
  return first >> 1 === 0x7e ? 'local' : 'global'
}
