import { addon } from '../../binding/addon.js'
import { systemError } from '../../errors.js'
import { decodeAddress, type SocketAddress } from '../../sockets/address.js'
import { unmapped } from '../../sockets/ip.js'
import { decodeTcpInfo } from '../../sockets/tcp-info.js'
import { pack, readU32 } from '../netlink/bytes.js'
import { findTcpSocket, type TcpSocket } from '../netlink/sock-diag.js'
import { readAddresses } from '../netlink/tables.js'

/** SOL_MPTCP, MPTCP_INFO, MPTCP_TCPINFO and MPTCP_SUBFLOW_ADDRS of linux/mptcp.h. */
const level = 284
const infoOption = 1
const tcpInfoOption = 2
const addressesOption = 3
const offset = { flags: 8, token: 12 } as const
const fallbackFlag = 1
/** `struct mptcp_subflow_data`, `mptcp_subflow_addrs`, and the parts of `tcp_info` with the state and with the counters. */
const headerSize = 16
const addressesSize = 256
const stateSize = 8
const countersSize = 136
/** MPTCP has 8 subflows at most, and the closed ones among them. */
const room = 32
/** `struct sockaddr_in6`, the larger one. */
const socketAddress = 28
/** TCP_ESTABLISHED and TCP_CLOSE of net/tcp_states.h. */
const established = 1
const closed = 7

/** A TCP connection that carries a part of an MPTCP connection. */
export interface KernelSubflow {
  readonly local: SocketAddress
  readonly remote: SocketAddress
  /** Undefined if it is bound to a device that is gone, or to one that lost the address. */
  readonly socket: TcpSocket | undefined
}

/** What the established subflows of a connection have carried together. */
export interface Traffic {
  /** Bytes received. */
  readonly received: number
  /** Bytes that the other end has acknowledged. */
  readonly acknowledged: number
  /** Segments sent and not yet acknowledged. */
  readonly unacknowledged: number
  /** The longest of their smoothed round-trip times, in milliseconds. */
  readonly rttMs: number
}

/** Token of the MPTCP connection (RFC 8684 section 3.2); undefined if plain TCP carries it. */
export function multipathToken(fd: number): number | undefined {
  const info = new Uint8Array(128)
  const length = addon().getOption(fd, level, infoOption, info)
  if (length < 0 || (readU32(info, offset.flags)! & fallbackFlag) !== 0) return undefined
  return readU32(info, offset.token)
}

/** The subflows of an MPTCP socket that are open or opening. */
export function readSubflows(fd: number): KernelSubflow[] {
  const addresses = readArray(fd, addressesOption, addressesSize)
  if (typeof addresses === 'number') throw systemError(addresses, 'getsockopt(SOL_MPTCP)')
  const states = readArray(fd, tcpInfoOption, stateSize)
  if (typeof states === 'number') throw systemError(states, 'getsockopt(SOL_MPTCP)')
  const owned = readAddresses()
  return addresses.flatMap((bytes, i): KernelSubflow[] => {
    const local = decodeAddress(bytes.subarray(0, socketAddress))
    const remote = decodeAddress(bytes.subarray(addressesSize / 2, addressesSize / 2 + socketAddress))
    if (!local || !remote || states[i]?.[0] === closed) return []
    const plain = unmapped(local.address)
    const owners = owned.filter(({ address }) => address.address === plain).map(({ deviceIndex }) => deviceIndex)
    let socket: TcpSocket | undefined
    for (const index of [...owners, 0]) socket ??= findTcpSocket(local, remote, index)
    return [{ local, remote, socket }]
  })
}

/** The counters of an MPTCP socket, by one system call; undefined for one that closed or fell back to plain TCP. */
export function readTraffic(fd: number): Traffic | undefined {
  const subflows = readArray(fd, tcpInfoOption, countersSize)
  if (typeof subflows === 'number') return undefined
  const total = { received: 0, acknowledged: 0, unacknowledged: 0, rttMs: 0 }
  for (const bytes of subflows) {
    if (bytes[0] !== established) continue
    const info = decodeTcpInfo(bytes)
    total.received += info.bytesReceived ?? 0
    total.acknowledged += info.bytesAcknowledged ?? 0
    total.unacknowledged += info.unacknowledged ?? 0
    total.rttMs = Math.max(total.rttMs, info.rttMs ?? 0)
  }
  return total
}

/** An array of one structure for each subflow, or a negative errno. */
function readArray(fd: number, option: number, size: number): Uint8Array[] | number {
  const bytes = new Uint8Array(headerSize + room * size)
  bytes.set(pack([4, headerSize], [4, 0], [4, 0], [4, size]))
  const length = addon().getOption(fd, level, option, bytes)
  if (length < 0) return length
  const count = Math.min(readU32(bytes, 4)!, room)
  return Array.from({ length: count }, (_, i) => bytes.subarray(headerSize + i * size, headerSize + (i + 1) * size))
}
