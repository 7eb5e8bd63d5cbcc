import { constants } from 'node:os'
import { addon } from '../binding/addon.js'
import { isIP } from '../builtins.js'
import { type NetviaError, type NetviaErrorDetails, setUpHint, systemError } from '../errors.js'
import { unmapped } from '../sockets/ip.js'
import { missingRoute, routeHint } from './missing-route.js'
import type { Link } from './netlink/link.js'
import { isSilent } from './netlink/neighbour.js'
import { neighbour, readLink, routeHops } from './netlink/tables.js'
import { hasFamily } from './reach.js'
import { filterBack, loosenHint } from './reverse-path.js'

type Where = Pick<NetviaErrorDetails, 'address' | 'port' | 'hostname' | 'device'>

/**
 * The error of a wait that has ended without an answer, if nothing arrives through the device of the call, whatever the network does:
 * it has been set down, has lost the addresses that answers need, has no route to the target, drops the answers, or has become a port of
 * another device that receives in its place. Undefined if silence is the network's, be it that of one of several `targets`: the addresses
 * that it waited for, as far as they are known.
 */
export function deviceDown(
  syscall: string,
  where: Where,
  targets: readonly (string | undefined)[] = [where.address],
): NetviaError | undefined {
  const down = deviceDownFor(syscall, where)
  const faults = (targets.length > 0 ? targets : [undefined]).map(target => down(target))
  return faults.every(Boolean) ? faults[0] : undefined
}

/**
 * `deviceDown` for many targets whose time is over now: the device is read once, but it may drop the answers of some alone. `ageMs`: the
 * packet to this one was sent so long ago.
 */
export function deviceDownFor(
  syscall: string,
  where: Where,
): (target?: string, ageMs?: number) => NetviaError | undefined {
  const { device } = where
  const why = device === undefined ? undefined : attempt(() => whyDeaf(device))
  return (target = '', ageMs) => {
    const hint = why && attempt(() => why(target, ageMs))
    return hint === undefined ? undefined : systemError(-constants.errno.ENETDOWN, syscall, { ...where, hint })
  }
}

/** Undefined if netlink is refused, by a seccomp filter. */
function attempt<T>(ask: () => T): T | undefined {
  try {
    return ask()
  } catch {
    return undefined
  }
}

/** Kinds of devices that take all packets of their ports. A VRF leaves them to the port's sockets. */
const takers = ['bridge', 'bond', 'team', 'openvswitch']

/** Asks the kernel, because /sys may be missing or show another network namespace (`nsenter --net`). */
function whyDeaf(device: string): ((target: string, ageMs?: number) => string | undefined) | undefined {
  const link = readLink(device)
  if (!link) return undefined
  if (!link.up) return () => setUpHint(device)
  const master = link.masterIndex ? addon().deviceName(link.masterIndex) : undefined
  const kind = typeof master === 'string' ? readLink(master)?.kind : undefined
  if (kind !== undefined && takers.includes(kind))
    return () => `${device} is a port of ${master}, which receives all that arrives there: use device ${master}`
  // A VRF shares addresses and routes with its devices.
  if (kind === 'vrf' || link.kind === 'vrf') return undefined
  const families = new Map<4 | 6, boolean>()
  const isLost = missingRoute(link.index)
  let isFiltered: ReturnType<typeof filterBack> | undefined
  return (target, ageMs) => {
    const address = unmapped(target.replace(/%.*/, ''))
    const family = isIP(address) as 0 | 4 | 6
    if (family === 0) return undefined
    if (!families.has(family)) families.set(family, hasFamily(link.index, family))
    if (!families.get(family) && needsAddress(link, address, family)) return `${device} has no IPv${family} address`
    if (family === 6) return undefined
    if (isLost(address, ageMs)) return routeHint(device)
    isFiltered ??= filterBack(device, link.index)
    if (!isFiltered(address)) return undefined
    return `rp_filter of ${device} drops the answers, as the route back leads elsewhere: ${loosenHint(device)}`
  }
}

/**
 * Whether a device without an address of the family needs one. Packets may have an address of another device, and be answered: on a link
 * without Ethernet addresses, over an IPv4 route, or to a known neighbour. An Ethernet device asks for its IPv6 neighbours from an address
 * of its own (RFC 4861 section 4.3), also for those that it knows, unless they are permanent.
 */
function needsAddress({ index, mac }: Link, target: string, family: 4 | 6): boolean {
  if (mac === undefined) return false
  const hops = routeHops(target, { deviceIndex: index })
  const isKnown = ({ gateway = target }: { gateway?: string }) => {
    const state = neighbour(gateway, index)?.state ?? 'failed'
    return state === 'permanent' || state === 'noarp' || (family === 4 && !isSilent(state))
  }
  return family === 4 ? hops === undefined && !isKnown({}) : !hops?.some(isKnown)
}
