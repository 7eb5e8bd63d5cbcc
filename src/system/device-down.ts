import { constants } from 'node:os'
import { addon } from '../binding/addon.js'
import { type NetviaError, type NetviaErrorDetails, setUpHint, systemError } from '../errors.js'
import { readLink } from './netlink/tables.js'

/**
 * The error of a wait that has ended without an answer, if the device of the call has been set down, or has become a port of another
 * device that receives in its place: then nothing arrives, whatever the network does. Undefined if silence is the network's.
 */
export function deviceDown(
  syscall: string,
  where: Pick<NetviaErrorDetails, 'address' | 'port' | 'hostname' | 'device'>,
): NetviaError | undefined {
  const { device } = where
  const hint = device === undefined ? undefined : whyDeaf(device)
  return hint === undefined ? undefined : systemError(-constants.errno.ENETDOWN, syscall, { ...where, hint })
}

/** Kinds of devices that take all packets of their ports. A VRF leaves them to the port's sockets. */
const takers = ['bridge', 'bond', 'team', 'openvswitch']

/** Asks the kernel, because /sys may be missing or show another network namespace (`nsenter --net`). */
function whyDeaf(device: string): string | undefined {
  try {
    const link = readLink(device)
    if (link?.up === false) return setUpHint(device)
    const master = link?.masterIndex ? addon().deviceName(link.masterIndex) : undefined
    if (typeof master !== 'string' || !takers.includes(readLink(master)?.kind ?? '')) return undefined
    return `${device} is a port of ${master}, which receives all that arrives there: use device ${master}`
  } catch {
    // Netlink is refused, by a seccomp filter.
    return undefined
  }
}
