import type { PathOptions } from '../../options.js'
import { unmapped } from '../../sockets/ip.js'
import { obstaclesTo, resolutionDelay } from '../dns/address-order.js'
import type { OnAddresses } from '../dns/addresses.js'
import type { Race } from './race.js'

/**
 * Passes addresses on to a race as they become known. IPv6 addresses that don't suit the path come after the IPv4 ones (RFC 8305
 * section 4), but wait for those no longer than IPv4 addresses wait for IPv6.
 */
export function offersTo(
  race: Pick<Race<unknown>, 'offer' | 'signal'>,
  families: readonly (4 | 6)[],
  path: PathOptions,
): OnAddresses {
  let isIPv4Awaited = families.includes(4)
  let held: readonly string[] = []
  let timer: NodeJS.Timeout | undefined
  const release = () => {
    clearTimeout(timer)
    if (held.length > 0) race.offer(6, held, true)
    held = []
  }
  race.signal.addEventListener('abort', () => clearTimeout(timer))
  return (family, found) => {
    const addresses = found.map(({ address }) => unmapped(address))
    if (family === 4) isIPv4Awaited = false
    const isLast = family === 6 && addresses.length > 0 && addresses.every(address => obstaclesTo(address, path) > 0)
    if (isLast && isIPv4Awaited) {
      held = addresses
      timer = setTimeout(release, resolutionDelay)
      race.offer(6, [])
      return
    }
    // Without an address to try, the race would be over.
    if (addresses.length === 0) release()
    race.offer(family, addresses, isLast)
    release()
  }
}
