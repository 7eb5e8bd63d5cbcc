import { addon } from '../../binding/addon.js'
import { isIPv4 } from '../../builtins.js'
import { decodeAddress, encodeAddress, familyOf } from '../../sockets/address.js'
import { parseIP, unmapped } from '../../sockets/ip.js'
import { openDescriptor } from '../../sockets/open.js'

/** Whether packets to an address stay on this machine: loopback, the unspecified address, or one that a device here has. */
export function isThisMachine(text: string): boolean {
  const address = unmapped(text)
  const bytes = parseIP(address)
  if (isIPv4(address)) {
    if (address.startsWith('127.') || address.startsWith('0.')) return true
  } else if (bytes.subarray(0, 15).every(byte => byte === 0) && bytes[15]! <= 1) return true
  return isOwnAddress(address)
}

/**
 * To an address of its own the kernel sends from that very address. Connecting a datagram socket makes it choose, and sends nothing. This
 * holds for devices without carrier too, which getifaddrs(3) lists but Node's `networkInterfaces` leaves out.
 */
function isOwnAddress(address: string): boolean {
  const discardPort = 9
  let fd: number
  try {
    fd = openDescriptor(familyOf(address), 'datagram', 0, {})
  } catch {
    return false
  }
  try {
    const source = new Uint8Array(28)
    if (addon().connect(fd, encodeAddress(address, discardPort)) < 0) return false
    const length = addon().getsockname(fd, source)
    const own = length > 0 ? decodeAddress(source, length) : undefined
    return own !== undefined && parseIP(own.address).join() === parseIP(address).join()
  } catch {
    // The zone of a device that isn't there.
    return false
  } finally {
    addon().close(fd)
  }
}
