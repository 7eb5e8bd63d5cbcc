import { addon } from '../binding/addon.js'
import type { PathOptions } from '../options.js'
import { boundNameOf, encodeAddress, familyOf } from './address.js'
import { connectError } from './connect-error.js'
import { openDescriptor } from './open.js'

/** Which port hardly matters, because nothing is sent: only rules that select by port look at it. */
const discardPort = 9

/**
 * The address that the kernel would send from on a path. Connecting a datagram socket asks the routing table, and sends nothing.
 *
 * @throws NetviaError of connect(2), such as `ENETUNREACH`, without a route; `ENODEV` if the device doesn't exist.
 */
export function sourceAddress(
  { address, port = discardPort }: { address: string; port?: number },
  path: PathOptions,
): string {
  const fd = openDescriptor(familyOf(address), 'datagram', 0, path)
  try {
    const errno = addon().connect(fd, encodeAddress(address, port))
    if (errno < 0) throw connectError(errno, { address, port, device: path.device })
    return boundNameOf(fd).address
  } finally {
    addon().close(fd)
  }
}
