import { addon } from '../binding/addon.js'
import { NetviaError } from '../errors.js'
import { addressText, ipRange } from '../sockets/address.js'
import { isOffPath, offPath } from '../sockets/off-path.js'
import { onLink } from '../sockets/zone.js'
import { hasAddress, isDeliveredTo } from './reach.js'

/**
 * `onLink`, for an address that packets are sent to.
 *
 * @throws NetviaError as `onLink`, and what `refuseThisHost` throws.
 */
export function targetOnPath(address: Uint8Array, device: string | undefined): Uint8Array {
  refuseThisHost(address, device)
  return onLink(address, device)
}

/**
 * Packets to 0.0.0.0 and `::`, which mean this host (RFC 1122 section 3.2.1.3), and to an address that the device itself has,
 * never leave this machine: the kernel uses its loopback device, whatever device the socket is bound to. Name servers that
 * block a name return the former. A name with dynamic DNS leads to the latter.
 *
 * @throws NetviaError `ERR_OFF_PATH` for one of them on another device than the loopback one.
 */
export function refuseThisHost(address: Uint8Array, device: string | undefined): void {
  if (device === undefined) return
  const isUnspecified = isThisHost(address)
  if (!isUnspecified && !hasAddress(address)) return
  const index = addon().deviceIndex(device)
  if (index === loopbackIndex) return
  const text = addressText(address)
  if (isUnspecified) {
    throw offPath(
      `${text} means this host, and not a host that ${device} leads to`,
      'give the address of a host',
      device,
    )
  }
  if (isDeliveredTo(text, index)) throw ownAddress(text, device)
}

/** The kernel's loopback device has this index in each network namespace. */
const loopbackIndex = 1

/** Whether a socket address is 0.0.0.0 or `::`. */
export function isThisHost(address: Uint8Array): boolean {
  const [start, end] = ipRange(address)
  for (let i = start; i < end; i++) if (address[i] !== 0) return false
  return true
}

function ownAddress(address: string, device: string): NetviaError {
  const hint = 'name another host to check the line, or leave out the device to ask this machine'
  const message = `${device} has the address ${address} itself, so packets to it would not leave this machine; ${hint}`
  return new NetviaError(message, { code: 'ERR_OFF_PATH', address, device, hint })
}

/** Whether a call was refused because its target is an address of the device: this machine's fault, and no answer of the network. */
export function isOwnAddressError(error: unknown): error is NetviaError {
  return isOffPath(error) && error.address !== undefined
}
