import { addon } from '../binding/addon.js'
import { NetviaError, systemError } from '../errors.js'
import { addressText, scopeOf, withScope } from './address.js'
import { setOption } from './options.js'

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
  if (isOfVrf(scope, device)) return address
  const [plain, zone] = addressText(address).split('%')
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

/** IPPROTO_IP, and IP_UNICAST_IF of linux/in.h. */
const ipLevel = 0
const unicastInterface = 50

/**
 * Whether the device of this index belongs to the VRF `vrf`: a socket bound to a VRF may use the links of its devices. Asks the
 * kernel, which accepts another device as IP_UNICAST_IF of a bound socket only then (ip(7)). A bridge or a bond is none: what
 * its port sends doesn't go through it.
 */
export function isOfVrf(index: number, vrf: string): boolean {
  const { AF_INET, SOCK_DGRAM } = addon().constants
  const fd = addon().socket(AF_INET!, SOCK_DGRAM!, 0)
  if (fd < 0) throw systemError(fd, 'socket')
  try {
    setOption(fd, 'SO_BINDTODEVICE', `${vrf}\0`, vrf)
    const value = Buffer.alloc(4)
    value.writeUInt32BE(index)
    return addon().setOption(fd, ipLevel, unicastInterface, value) === 0
  } finally {
    addon().close(fd)
  }
}
