import {
  boolean,
  type CommonOptions,
  commonSchema,
  oneOf,
  pathOf,
  portOrZero,
  type Schema,
  string,
} from '../../options.js'
import { familyOf } from '../../sockets/address.js'
import { openDescriptor } from '../../sockets/open.js'
import { numericOptions, type SocketOptions, udpSocketOptions } from '../../sockets/socket-options.js'
import { dnsServers } from '../dns/server-address.js'
import { bindAddress } from '../tcp/bind-address.js'

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

export const udpSchema: Schema = {
  ...commonSchema,
  port: portOrZero,
  host: string,
  family: oneOf(4, 6),
  reuseAddress: boolean,
  broadcast: boolean,
  servers: dnsServers,
  socketOptions: udpSocketOptions,
}

/** Opens and binds a descriptor. `extra`: options that it needs beside those of the caller. */
export async function openUdpDescriptor(
  caller: string,
  options: OpenUdpOptions,
  extra: (family: 4 | 6) => Readonly<Record<string, number>> = () => ({}),
): Promise<{ fd: number; family: 4 | 6 }> {
  const { signal, port = 0, reuseAddress, broadcast } = options
  signal?.throwIfAborted()
  const address = await bindAddress(caller, options)
  const family = options.family ?? (address === undefined ? 4 : familyOf(address))
  const fd = openDescriptor(family, 'datagram', 0, { ...pathOf(options), localAddress: address }, port, {
    ...numericOptions(family, options.socketOptions),
    ...(reuseAddress && { SO_REUSEADDR: 1 }),
    ...(broadcast && { SO_BROADCAST: 1 }),
    ...(family === 6 && { IPV6_V6ONLY: 1 }),
    ...extra(family),
  })
  return { fd, family }
}
