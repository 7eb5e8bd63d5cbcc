import { addon } from '../../binding/addon.js'
import type { PathOptions } from '../../options.js'
import { encodeAddress, familyOf } from '../../sockets/address.js'
import { openDescriptor } from '../../sockets/open.js'

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

/** Connecting a datagram socket consults the routing table and sends nothing. */
function hasRoute(address: string, path: PathOptions): boolean {
  const discardPort = 9
  try {
    const fd = openDescriptor(familyOf(address), 'datagram', 0, path)
    const errno = addon().connect(fd, encodeAddress(address, discardPort))
    addon().close(fd)
    return errno === 0
  } catch {
    return false
  }
}
