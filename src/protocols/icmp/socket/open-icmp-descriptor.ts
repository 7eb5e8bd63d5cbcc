import { addon } from '../../../binding/addon.js'
import { type NetviaError, systemError } from '../../../errors.js'
import type { PathOptions } from '../../../options.js'
import { openDescriptor } from '../../../sockets/open.js'
import { setOption, trySetOption } from '../../../sockets/options.js'

/** `datagram`: a ping socket, icmp(7), for echo only and without privileges. `raw`: raw(7), needs CAP_NET_RAW. */
export type IcmpKind = 'datagram' | 'raw'

/** Only what helps: the range is for ping sockets, the capability for raw ones, and root has it already. */
function permissionHint(kind: IcmpKind | 'auto'): string {
  const range = 'allow ping sockets with "sysctl -w net.ipv4.ping_group_range=\'0 2147483647\'"'
  const capability = `give node the capability with "setcap cap_net_raw+ep ${process.execPath}"`
  const forRaw = process.geteuid?.() === 0 ? [capability] : [capability, 'run as root']
  const ways = [...(kind === 'raw' ? [] : [range]), ...(kind === 'datagram' ? [] : forRaw)]
  return [...ways, 'see what "netvia doctor" says'].join(', or ')
}

/** Requested size in bytes; the kernel doubles it. Memory is used only while packets wait. */
const receiveBuffer = 4 * 2 ** 20

/**
 * Opens an ICMP descriptor on its path, with errors and hop limits reported. `auto` opens a ping socket, or a raw one if that
 * is refused. Even root is refused while net.ipv4.ping_group_range is "1 0".
 */
export function openIcmpDescriptor(
  family: 4 | 6,
  kind: IcmpKind | 'auto',
  path: PathOptions,
): { fd: number; kind: IcmpKind } {
  const opened = kind === 'auto' ? openEither(family, path) : { fd: open(family, kind, path, kind), kind }
  try {
    configure(opened.fd, family)
    return opened
  } catch (error) {
    addon().close(opened.fd)
    throw error
  }
}

function openEither(family: 4 | 6, path: PathOptions): { fd: number; kind: IcmpKind } {
  try {
    return { fd: open(family, 'datagram', path, 'auto'), kind: 'datagram' }
  } catch (error) {
    if (!(error as NetviaError).syscall?.startsWith('socket')) throw error
    return { fd: open(family, 'raw', path, 'auto'), kind: 'raw' }
  }
}

/** `wanted`: what the caller asked for. */
function open(family: 4 | 6, kind: IcmpKind, path: PathOptions, wanted: IcmpKind | 'auto'): number {
  const { IPPROTO_ICMP, IPPROTO_ICMPV6 } = addon().constants
  try {
    return openDescriptor(family, kind, family === 4 ? IPPROTO_ICMP! : IPPROTO_ICMPV6!, path)
  } catch (error) {
    const { syscall, code, errno, device } = error as NetviaError
    if (syscall !== 'socket' || (code !== 'EPERM' && code !== 'EACCES')) throw error
    throw systemError(errno!, `socket(ICMP${family === 6 ? 'v6' : ''}, ${kind})`, {
      device,
      hint: permissionHint(wanted),
    })
  }
}

function configure(fd: number, family: 4 | 6): void {
  if (family === 4) {
    setOption(fd, 'IP_RECVERR', 1)
    setOption(fd, 'IP_RECVTTL', 1)
  } else {
    setOption(fd, 'IPV6_RECVERR', 1)
    setOption(fd, 'IPV6_RECVHOPLIMIT', 1)
  }
  // Without CAP_NET_ADMIN, net.core.rmem_max is the limit.
  if (trySetOption(fd, 'SO_RCVBUFFORCE', receiveBuffer) < 0) setOption(fd, 'SO_RCVBUF', receiveBuffer)
  trySetOption(fd, 'SO_RXQ_OVFL', 1)
}

/** Forbids fragmentation entirely (RFC 1191, `ping -M probe`), or allows it only at the sender, as IPv6 does. */
export function setFragmentation(fd: number, family: 4 | 6, dontFragment: boolean): void {
  const { IP_PMTUDISC_DONT, IP_PMTUDISC_PROBE } = addon().constants
  if (family === 4) setOption(fd, 'IP_MTU_DISCOVER', dontFragment ? IP_PMTUDISC_PROBE! : IP_PMTUDISC_DONT!)
  else if (dontFragment) {
    setOption(fd, 'IPV6_MTU_DISCOVER', IP_PMTUDISC_PROBE!)
    setOption(fd, 'IPV6_DONTFRAG', 1)
  }
}
