import { readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { addon } from '../binding/addon.js'
import { NetviaError } from '../errors.js'
import { addressText, scopeOf, withScope } from './address.js'

/**
 * An address that is valid on one link only (link-local, RFC 4291 section 2.5.6, or a multicast group of that scope) needs the
 * link: its zone or the device (RFC 4007 section 6). Returns the socket address with the link's index; any other address
 * unchanged.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` without zone and device, or if the zone is another device: the kernel would bind
 * the socket to the zone's device instead.
 */
export function onLink(address: Uint8Array, device: string | undefined): Uint8Array {
  if (!isOfOneLink(address)) return address
  const scope = scopeOf(address)
  const index = device === undefined ? 0 : addon().deviceIndex(device)
  if (scope === 0 && device !== undefined) return index > 0 ? withScope(address, index) : address
  if (scope === 0) {
    const hint = `write ${addressText(address)}%wan1 with the name of its device, or name the device`
    throw wrong(`${addressText(address)} is an address of one link, and it is not said of which`, address, hint)
  }
  if (device === undefined || index < 0 || scope === index) return address
  const [plain, zone] = addressText(address).split('%')
  if (masterOf(zone!) === device) return address
  const hint = `write ${plain}%${device}, or name the device ${zone}`
  throw wrong(`${plain}%${zone} is an address on ${zone}, and the device is ${device}`, address, hint, device)
}

function wrong(what: string, address: Uint8Array, hint: string, device?: string): NetviaError {
  return new NetviaError(`${what}; ${hint}`, {
    code: 'ERR_INVALID_ARG_VALUE',
    ...{ address: addressText(address), device, hint },
  })
}

const ipv6Length = 28

/** Whether this is fe80::/10 or a multicast group of interface or link scope (RFC 4291 section 2.7). */
function isOfOneLink(address: Uint8Array): boolean {
  if (address.length !== ipv6Length) return false
  const [first, second] = [address[8]!, address[9]!]
  return first === 0xfe ? second >> 6 === 2 : first === 0xff && (second & 15) <= 2
}

/** A socket bound to a VRF may use the links of the VRF's devices. */
export function masterOf(device: string): string | undefined {
  try {
    return basename(readlinkSync(`/sys/class/net/${device}/master`))
  } catch {
    return undefined
  }
}
