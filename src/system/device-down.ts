import { constants } from 'node:os'
import { addon } from '../binding/addon.js'
import { isIP } from '../builtins.js'
import { type NetviaError, type NetviaErrorDetails, setUpHint, systemError } from '../errors.js'
import { unmapped } from '../sockets/ip.js'
import type { Link } from './netlink/link.js'
import { readLink, routeHops } from './netlink/tables.js'
import { hasFamily } from './reach.js'
import { isFilteredBack } from './reverse-path.js'

/**
 * The error of a wait that has ended without an answer, if nothing arrives through the device of the call, whatever the network does:
 * it has been set down, has lost the addresses that answers need, drops them, or has become a port of another device that receives in its
 * place. Undefined if silence is the network's. `target`: the address that it waited for, as far as it is known.
 */
export function deviceDown(
  syscall: string,
  where: Pick<NetviaErrorDetails, 'address' | 'port' | 'hostname' | 'device'>,
  target = where.address,
): NetviaError | undefined {
  const { device } = where
  const hint = device === undefined ? undefined : whyDeaf(device, target)
  return hint === undefined ? undefined : systemError(-constants.errno.ENETDOWN, syscall, { ...where, hint })
}

/** Kinds of devices that take all packets of their ports. A VRF leaves them to the port's sockets. */
const takers = ['bridge', 'bond', 'team', 'openvswitch']

/** Asks the kernel, because /sys may be missing or show another network namespace (`nsenter --net`). */
function whyDeaf(device: string, target: string | undefined): string | undefined {
  try {
    const link = readLink(device)
    if (!link) return undefined
    if (!link.up) return setUpHint(device)
    const master = link.masterIndex ? addon().deviceName(link.masterIndex) : undefined
    const kind = typeof master === 'string' ? readLink(master)?.kind : undefined
    if (kind !== undefined && takers.includes(kind))
      return `${device} is a port of ${master}, which receives all that arrives there: use device ${master}`
    const address = unmapped(target?.replace(/%.*/, '') ?? '')
    const family = isIP(address) as 0 | 4 | 6
    // A VRF shares addresses and routes with its devices.
    if (family === 0 || kind === 'vrf' || link.kind === 'vrf') return undefined
    if (lacksAddress(link, address, family)) return `${device} has no IPv${family} address`
    if (family === 6 || !isFilteredBack(address, device, link.index)) return undefined
    return `rp_filter of ${device} drops the answers, as the route back leads elsewhere: sysctl -w net/ipv4/conf/${device}/rp_filter=2`
  } catch {
    // Netlink is refused, by a seccomp filter.
    return undefined
  }
}

/**
 * Whether the device needs an address of the family, and has none. With a route, IPv4 packets may have an address of another device and be
 * answered. An Ethernet device asks for its IPv6 neighbours from an address of its own (RFC 4861 section 4.3).
 */
function lacksAddress({ index, mac }: Link, target: string, family: 4 | 6): boolean {
  if (hasFamily(index, family)) return false
  return family === 4 ? routeHops(target, { deviceIndex: index }) === undefined : mac !== undefined
}
