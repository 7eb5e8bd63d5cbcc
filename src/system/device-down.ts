import { constants } from 'node:os'
import { addon } from '../binding/addon.js'
import { isIP } from '../builtins.js'
import { type NetviaError, type NetviaErrorDetails, setUpHint, systemError } from '../errors.js'
import { unmapped } from '../sockets/ip.js'
import type { Link } from './netlink/link.js'
import { isRouted, readLink } from './netlink/tables.js'
import { hasFamily } from './reach.js'

/**
 * The error of a wait that has ended without an answer, if the device of the call has been set down, has lost the addresses that answers
 * need, or has become a port of another device that receives in its place: then nothing arrives, whatever the network does. Undefined if
 * silence is the network's. `target`: the address that it waited for, as far as it is known.
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
    if (typeof master === 'string' && takers.includes(readLink(master)?.kind ?? ''))
      return `${device} is a port of ${master}, which receives all that arrives there: use device ${master}`
    const family = lackedFamily(link, target)
    return family && `${device} has no IPv${family} address`
  } catch {
    // Netlink is refused, by a seccomp filter.
    return undefined
  }
}

/**
 * The family of the target if the device has no address of it, and needs one. With a route, IPv4 packets may have an address of another
 * device and be answered. An Ethernet device asks for its IPv6 neighbours from an address of its own (RFC 4861 section 4.3).
 */
function lackedFamily({ index, mac }: Link, target: string | undefined): 4 | 6 | undefined {
  const address = unmapped(target?.replace(/%.*/, '') ?? '')
  const family = isIP(address) as 0 | 4 | 6
  if (family === 0 || hasFamily(index, family)) return undefined
  return (family === 4 ? isRouted(address, index) : mac === undefined) ? undefined : family
}
