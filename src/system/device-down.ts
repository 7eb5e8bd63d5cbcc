import { constants } from 'node:os'
import { type NetviaError, type NetviaErrorDetails, setUpHint, systemError } from '../errors.js'
import { readLink } from './netlink/tables.js'

/**
 * The error of a wait that has ended without an answer, if the device of the call has been set down: then nothing arrives,
 * whatever the network does. Undefined if silence is the network's.
 */
export function deviceDown(
  syscall: string,
  where: Pick<NetviaErrorDetails, 'address' | 'port' | 'hostname' | 'device'>,
): NetviaError | undefined {
  const { device } = where
  if (device === undefined || !isSetDown(device)) return undefined
  return systemError(-constants.errno.ENETDOWN, syscall, { ...where, hint: setUpHint(device) })
}

/** Asks the kernel, because /sys may be missing or show another network namespace (`nsenter --net`). */
function isSetDown(device: string): boolean {
  try {
    return readLink(device)?.up === false
  } catch {
    // Netlink is refused, by a seccomp filter.
    return false
  }
}
