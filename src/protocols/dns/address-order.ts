import type { PathOptions } from '../../options.js'
import { sourceAddress } from '../../sockets/source-address.js'

/** RFC 8305 section 3: how long one family's addresses wait for the other's, in milliseconds. */
export const resolutionDelay = 50

/**
 * Sorts by the rules of RFC 6724 that matter to a program. Addresses that can't be reached over this path come last (rule
 * 1). Otherwise IPv6 comes before IPv4 (rule 6 with its default table), in the name server's order.
 */
export function orderAddresses<T extends { address: string; family: 4 | 6 }>(
  addresses: readonly T[],
  path: PathOptions,
): T[] {
  const [first, ...others] = addresses
  if (others.every(({ family }) => family === first!.family)) return [...addresses]
  const rank = new Map(
    addresses.map(item => [item, (hasRoute(item.address, path) ? 0 : 2) + (item.family === 6 ? 0 : 1)]),
  )
  return addresses.toSorted((a, b) => rank.get(a)! - rank.get(b)!)
}

/** Whether packets to an address can leave over the path. */
export function hasRoute(address: string, path: PathOptions): boolean {
  try {
    sourceAddress({ address }, path)
    return true
  } catch {
    return false
  }
}
