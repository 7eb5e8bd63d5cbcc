import { constants } from 'node:os'
import { addon } from '../binding/addon.js'
import type { PathOptions } from '../options.js'
import { decodeAddress, encodeAddress, familyOf } from '../sockets/address.js'
import { connectError } from '../sockets/connect-error.js'
import { open } from '../sockets/open.js'
import { meetsItself, resetConnection } from '../sockets/self-connection.js'
import { targetOnPath } from '../system/this-host.js'

const { EADDRNOTAVAIL, EAGAIN, ECONNREFUSED, EINPROGRESS } = constants.errno

/** A TCP descriptor, which the caller owns. */
export interface Connecting {
  readonly fd: number
  /** Whether the handshake is over: near peers answer within the call. */
  readonly connected: boolean
  /** Once it is connected: until then, the kernel may choose another one. */
  readonly localAddress: string | undefined
}

/** Buffer for a local address, reused for each. */
const local = new Uint8Array(28)

/**
 * Opens a TCP descriptor on its path like `openDescriptor`, and starts to connect it to an address, not a name. Nothing is sent
 * before the binding has been read back.
 */
export function openConnecting(
  address: string,
  port: number,
  path: PathOptions,
  options?: Readonly<Record<string, number>>,
  protocol = 0,
): Connecting {
  const to = targetOnPath(encodeAddress(address, port), path.device)
  const family = familyOf(address)
  const { fd, errno } = open({ family, type: 'stream', protocol, path, options, to })
  const begun = errno === 0 || errno === -EINPROGRESS
  try {
    if (begun && !meetsItself(fd, to, local)) {
      const connected = errno === 0
      return { fd, connected, localAddress: connected ? decodeAddress(local, to.length)?.address : undefined }
    }
  } catch (error) {
    addon().close(fd)
    throw error
  }
  if (begun) resetConnection(fd)
  addon().close(fd)
  const where = { address, port, device: path.device }
  if (begun) throw connectError(-ECONNREFUSED, where)
  throw connectError(errno === -EADDRNOTAVAIL && hasSource(family, path, to) ? -EAGAIN : errno, where)
}

/** Without a free local port, connect(2) of a stream fails as without a source address. A datagram needs its own port first. */
function hasSource(family: 4 | 6, path: PathOptions, to: Uint8Array): boolean {
  const { fd, errno } = open({ family, type: 'datagram', protocol: 0, path, to })
  addon().close(fd)
  return errno === 0 || errno === -EAGAIN
}
