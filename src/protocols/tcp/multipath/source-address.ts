import { addon } from '../../../binding/addon.js'
import type { PathOptions } from '../../../options.js'
import { decodeAddress, encodeAddress, familyOf } from '../../../sockets/address.js'
import { openDescriptor } from '../../../sockets/open.js'

/** The address that the kernel would send from on a path; undefined without a route. Sends nothing. */
export function sourceAddress(
  { address, port }: { address: string; port: number },
  path: PathOptions,
): string | undefined {
  const fd = openDescriptor(familyOf(address), 'datagram', 0, path)
  try {
    if (addon().connect(fd, encodeAddress(address, port)) < 0) return undefined
    const name = new Uint8Array(28)
    const length = addon().getsockname(fd, name)
    return length < 0 ? undefined : decodeAddress(name, length)?.address
  } finally {
    addon().close(fd)
  }
}
