import type { Socket } from 'node:net'
import { addon } from '../../../binding/addon.js'
import { invalidArgument } from '../../../errors.js'
import { descriptorOf } from '../../../sockets/hand-over.js'
import { unmapped } from '../../../sockets/ip.js'
import { boundDevice } from '../../../sockets/open.js'
import { decodeTcpInfo, type TcpInfo, tcpInfo } from '../../../sockets/tcp-info.js'
import { multipathToken, readSubflows } from '../../../system/multipath/subflows.js'

/** One path of a connection: a TCP connection of its own. */
export interface Subflow {
  /** Device that it is bound to, as the kernel reports it. Undefined for none, as on the side that accepted it. */
  readonly device?: string
  /** Whether it carries data only while no other subflow does. */
  readonly backup: boolean
  /** Address at this end. */
  readonly localAddress: string
  /** Port at this end. */
  readonly localPort: number
  /** Address at the other end. */
  readonly remoteAddress: string
  /** Port at the other end. */
  readonly remotePort: number
  /** The kernel's data on it. */
  readonly tcp: TcpInfo
}

/** How a connection is carried now. */
export interface MultipathInfo {
  /** True if plain TCP carries it, because one of the two machines doesn't speak Multipath TCP. */
  readonly fallback: boolean
  /** Its open subflows; with `fallback` the one TCP connection. */
  readonly subflows: readonly Subflow[]
}

/**
 * Returns how a connection is carried now, and through which devices. Takes any `net.Socket` or `tls.TLSSocket`, also one that
 * `listen({ multipath: true })` accepted.
 *
 * The other devices join after the first bytes have gone both ways, because Linux lets none join before.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` for a closed socket.
 */
export function multipathInfo(socket: Socket): MultipathInfo {
  const fd = typeof socket === 'object' && socket !== null ? descriptorOf(socket) : -1
  if (fd < 0) throw invalidArgument('multipathInfo: socket', socket, 'an open socket')
  if (multipathToken(fd) === undefined) return { fallback: true, subflows: [plain(socket, fd)] }
  const subflows = readSubflows(fd).flatMap(({ local, remote, socket }): Subflow[] => {
    if (!socket) return []
    const name = socket.deviceIndex === 0 ? undefined : addon().deviceName(socket.deviceIndex)
    return [
      {
        device: typeof name === 'string' ? name : undefined,
        backup: socket.backup,
        localAddress: unmapped(local.address),
        localPort: local.port,
        remoteAddress: unmapped(remote.address),
        remotePort: remote.port,
        tcp: decodeTcpInfo(socket.tcpInfo),
      },
    ]
  })
  return { fallback: false, subflows }
}

function plain(socket: Socket, fd: number): Subflow {
  return {
    device: boundDevice(fd) || undefined,
    backup: false,
    localAddress: unmapped(socket.localAddress ?? ''),
    localPort: socket.localPort ?? 0,
    remoteAddress: unmapped(socket.remoteAddress ?? ''),
    remotePort: socket.remotePort ?? 0,
    tcp: tcpInfo(fd),
  }
}
