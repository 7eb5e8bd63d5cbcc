import { systemError } from '../errors.js'
import { type Check, checkOptions, integer, type Schema, string } from '../options.js'
import { trySetOption } from './options.js'

/** Options of every IP socket, by their names in socket(7), ip(7) and ipv6(7). Those of IPv6 don't concern IPv4 sockets. */
export interface SocketOptions {
  /** Size of the receive buffer in bytes, which the kernel doubles for its own use, up to `net.core.rmem_max`. */
  SO_RCVBUF?: number
  /** The same beyond `net.core.rmem_max`. Needs CAP_NET_ADMIN. */
  SO_RCVBUFFORCE?: number
  /** Size of the send buffer in bytes, which the kernel doubles for its own use, up to `net.core.wmem_max`. */
  SO_SNDBUF?: number
  /** The same beyond `net.core.wmem_max`. Needs CAP_NET_ADMIN. */
  SO_SNDBUFFORCE?: number
  /** Priority in this machine's queues, 0-6; more needs CAP_NET_ADMIN. */
  SO_PRIORITY?: number
  /** Microseconds to poll the device for packets when there are none. Raising it needs CAP_NET_ADMIN. */
  SO_BUSY_POLL?: number
  /** Maximum rate in bytes per second, enforced by TCP or by the fq queue. */
  SO_MAX_PACING_RATE?: number
  /** Time to live of IPv4 packets, 1-255. */
  IP_TTL?: number
  /** Path MTU discovery for IPv4: 0 never, 1 as the route wants, 2 always, 3 sets the flag but ignores the path MTU. */
  IP_MTU_DISCOVER?: number
  /** 1: `localAddress` may be an address that this machine doesn't have yet. */
  IP_FREEBIND?: number
  /** Hop limit of IPv6 packets, 1-255. */
  IPV6_UNICAST_HOPS?: number
  /** Path MTU discovery for IPv6, as `IP_MTU_DISCOVER`. */
  IPV6_MTU_DISCOVER?: number
}

/** Options of TCP sockets, by their names in tcp(7). */
export interface TcpSocketOptions extends SocketOptions {
  /** Accepts only IPv4 packets with this time to live or a higher one (RFC 5082). */
  IP_MINTTL?: number
  /** Accepts only IPv6 packets with this hop limit or a higher one (RFC 5082). */
  IPV6_MINHOPCOUNT?: number
  /** Congestion control, such as `'bbr'`: one of `net.ipv4.tcp_available_congestion_control`. */
  TCP_CONGESTION?: string
  /** A listener's connections appear only once data has come, or after so many seconds. */
  TCP_DEFER_ACCEPT?: number
  /** A listener's queue for connections with data in the SYN (RFC 7413). */
  TCP_FASTOPEN?: number
  /** Maximum segment size in bytes (RFC 9293 section 3.7.1). */
  TCP_MAXSEG?: number
  /** Bytes not sent yet, above which the socket isn't writable. */
  TCP_NOTSENT_LOWAT?: number
  /** Repetitions of a SYN before `connect` gives up, 1-255. */
  TCP_SYNCNT?: number
  /** Limit of the advertised receive window in bytes. */
  TCP_WINDOW_CLAMP?: number
}

const int = integer(-(2 ** 31), 2 ** 31 - 1)

const common: Schema = {
  SO_RCVBUF: int,
  SO_RCVBUFFORCE: int,
  SO_SNDBUF: int,
  SO_SNDBUFFORCE: int,
  SO_PRIORITY: int,
  SO_BUSY_POLL: int,
  SO_MAX_PACING_RATE: int,
  IP_TTL: int,
  IP_MTU_DISCOVER: int,
  IP_FREEBIND: int,
  IPV6_UNICAST_HOPS: int,
  IPV6_MTU_DISCOVER: int,
}

const tcp: Schema = {
  ...common,
  IP_MINTTL: int,
  IPV6_MINHOPCOUNT: int,
  TCP_CONGESTION: string,
  TCP_DEFER_ACCEPT: int,
  TCP_FASTOPEN: int,
  TCP_MAXSEG: int,
  TCP_NOTSENT_LOWAT: int,
  TCP_SYNCNT: int,
  TCP_WINDOW_CLAMP: int,
}

/** Only options that leave the socket on its path: none that binds, marks or joins, and none that changes what is read. */
export const udpSocketOptions: Check = (value, name) => checkOptions(name, value as SocketOptions, common)
export const tcpSocketOptions: Check = (value, name) => checkOptions(name, value as TcpSocketOptions, tcp)

/** Those with a number that concern this family, for `openDescriptor`. */
export function numericOptions(family: 4 | 6, options?: TcpSocketOptions): Record<string, number> | undefined {
  if (options === undefined) return undefined
  const applies = (name: string) => name !== 'TCP_CONGESTION' && (family === 6 || !name.startsWith('IPV6_'))
  const names = Object.keys(options)
  if (names.every(applies)) return options as Record<string, number>
  return Object.fromEntries(Object.entries(options).filter(([name]) => applies(name)))
}

export function setCongestionControl(fd: number, { TCP_CONGESTION: name }: TcpSocketOptions = {}): void {
  if (name === undefined) return
  const errno = trySetOption(fd, 'TCP_CONGESTION', name)
  const hint = 'sysctl net.ipv4.tcp_available_congestion_control lists those this kernel has'
  if (errno < 0) throw systemError(errno, 'setsockopt(TCP_CONGESTION)', { hint })
}
