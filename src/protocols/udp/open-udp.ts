import type { Socket } from 'node:dgram'
import { addon } from '../../binding/addon.js'
import { NetviaError } from '../../errors.js'
import {
  boolean,
  type CommonOptions,
  checkOptions,
  commonSchema,
  oneOf,
  pathOf,
  portOrZero,
  type Schema,
  string,
} from '../../options.js'
import { familyOf } from '../../sockets/address.js'
import { giveAway } from '../../sockets/hand-over.js'
import { openDescriptor } from '../../sockets/open.js'
import { numericOptions, type SocketOptions, udpSocketOptions } from '../../sockets/socket-options.js'
import { onDeviceLoss } from '../../system/device-loss.js'
import type { CreateLookupOptions } from '../dns/lookup.js'
import { dnsServers } from '../dns/server-address.js'
import { bindAddress } from '../tcp/bind-address.js'
import { createPathSocket, keepOnDevice } from './path-socket.js'

export interface OpenUdpOptions extends CommonOptions {
  /** 0-65535. Default: 0, any free port (see `socket.address()`). */
  port?: number
  /** Address to bind to, or a name for one. Default: any. */
  host?: string
  /** Default: the family of the address, or 4 without one. A socket of family 6 takes only IPv6. */
  family?: 4 | 6
  /** `SO_REUSEADDR` (socket(7)): several sockets on one port, as multicast needs. Default: false. */
  reuseAddress?: boolean
  /** `SO_BROADCAST` (socket(7)): may send to broadcast addresses. Default: false. */
  broadcast?: boolean
  /** Name servers for the names given to `send` and `connect`, and for `host`, as in `resolve`. Default: those of /etc/resolv.conf. */
  servers?: readonly string[]
  /** Options of the socket by name (socket(7), ip(7), ipv6(7)), set before it is bound. Default: none. */
  socketOptions?: SocketOptions
}

const schema: Schema = {
  ...commonSchema,
  port: portOrZero,
  host: string,
  family: oneOf(4, 6),
  reuseAddress: boolean,
  broadcast: boolean,
  servers: dnsServers,
  socketOptions: udpSocketOptions,
}

/**
 * A bound UDP socket, like Go's `net.ListenUDP`. With a device, it sends and receives only through that device.
 *
 * Names given to `send` and `connect` are resolved over the path. With a device, `addMembership` and the like join and leave
 * groups on that device. They throw `ERR_OFF_PATH` for another device, as `setMulticastInterface` does. A `send` to another
 * device's zone fails.
 *
 * When the device is deleted the socket emits `error` with ENODEV and closes. When the `signal` fires it closes.
 *
 * @throws NetviaError `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `ENODEV` no such device; `ERR_ADDRESS_FAMILY` for an address of the
 * other family; what `resolve` throws for `host`; `signal.reason` when aborted before it is bound.
 */
export async function openUdp(given: OpenUdpOptions = {}): Promise<Socket> {
  const options = checkOptions('openUdp', given, schema)
  const { device, signal, port = 0, reuseAddress, broadcast, servers } = options
  signal?.throwIfAborted()
  const address = await bindAddress('openUdp', options)
  const family = options.family ?? (address === undefined ? 4 : familyOf(address))
  const fd = openDescriptor(family, 'datagram', 0, { ...pathOf(options), localAddress: address }, port, {
    ...numericOptions(family, options.socketOptions),
    ...(reuseAddress && { SO_REUSEADDR: 1 }),
    ...(broadcast && { SO_BROADCAST: 1 }),
    ...(family === 6 && { IPV6_V6ONLY: 1 }),
  })
  const socket = await adopt(fd, family, { ...pathOf(options), servers })
  if (device !== undefined) keepOnDevice(device, socket, fd, family)
  const endLossWatch = onDeviceLoss(fd, device, error => {
    try {
      socket.emit('error', error)
    } finally {
      close(socket)
    }
  })
  const onAbort = () => close(socket)
  socket.on('close', () => {
    endLossWatch()
    signal?.removeEventListener('abort', onAbort)
  })
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted) close(socket)
  signal?.throwIfAborted()
  return socket
}

function close(socket: Socket): void {
  try {
    socket.close()
  } catch {
    // Node throws if the user has already closed it.
  }
}

/** Passes the descriptor to a `dgram.Socket`, which then owns it. */
function adopt(fd: number, family: 4 | 6, path: CreateLookupOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createPathSocket(family, path)
    socket.once('error', reject)
    try {
      // In a cluster worker the descriptor's number means nothing to the primary process.
      giveAway(fd, () =>
        socket.bind({ fd, exclusive: true }, () => {
          socket.off('error', reject)
          resolve(socket)
        }),
      )
    } catch (cause) {
      // Node never throws here. Deno does, and has not taken the descriptor.
      addon().close(fd)
      const hint = 'UDP sockets of netvia need Node.js or Bun'
      const message = `this runtime takes no UDP descriptor: ${(cause as Error).message}; ${hint}`
      reject(new NetviaError(message, { code: 'ERR_UNSUPPORTED_RUNTIME', hint, cause }))
    }
  })
}
