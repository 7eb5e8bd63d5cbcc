import { addon } from '../../../binding/addon.js'
import type { PathOptions } from '../../../options.js'
import { encodeAddress, familyOf, localAddressOf } from '../../../sockets/address.js'
import { openDescriptor } from '../../../sockets/open.js'

/** The address that the kernel would send from on a path; undefined without a route. Sends nothing. */
export function sourceAddress(
  { address, port }: { address: string; port: number },
  path: PathOptions,
): string | undefined {
  const fd = openDescriptor(familyOf(address), 'datagram', 0, path)
  try {
    if (addon().connect(fd, encodeAddress(address, port)) < 0) return undefined
    return localAddressOf(fd)
  } finally {
    addon().close(fd)
  }
}
