import type { SocketAddress } from '../../sockets/address.js'
import { addressFamily } from '../../sockets/address.js'
import { parseIP } from '../../sockets/ip.js'
import { decodeAttributes } from './attributes.js'
import { pack, readU32 } from './bytes.js'
import { requestOne } from './request.js'

/** NETLINK_SOCK_DIAG of linux/netlink.h, SOCK_DIAG_BY_FAMILY of linux/sock_diag.h. */
export const sockDiag = 4
export const byFamily = 20
const tcp = 6
const allStates = 0xffff_ffff

/** `struct inet_diag_msg` and INET_DIAG_* of linux/inet_diag.h; INET_ULP_INFO_MPTCP; MPTCP_SUBFLOW_ATTR_FLAGS. */
export const messageSize = 72
export const offset = { state: 1, retransmits: 3, deviceIndex: 40 } as const
/** TCP_ESTABLISHED of net/tcp_states.h. */
export const established = 1
export const attribute = { tcpInfo: 2, mark: 15, upper: 19 } as const
const wantsTcpInfo = 1 << (attribute.tcpInfo - 1)
const upperMultipath = 3
const subflowFlags = 8
/** MPTCP_SUBFLOW_FLAG_BKUP_REM and _LOC of linux/mptcp.h. */
const backupFlags = 0x10 | 0x20

/** The kernel's data on a TCP connection, which may belong to another process. */
export interface TcpSocket {
  /** Index of the device that it is bound to; 0 for none. */
  readonly deviceIndex: number
  readonly established: boolean
  /** Retransmissions of the oldest unacknowledged segment. */
  readonly retransmits: number
  /** A subflow of MPTCP that carries data only if no other can. */
  readonly backup: boolean
  /** `struct tcp_info`. */
  readonly tcpInfo: Uint8Array
}

/** A connection from `local` to `remote` that is bound to this device or to none; undefined if there is none. */
export function findTcpSocket(local: SocketAddress, remote: SocketAddress, deviceIndex: number): TcpSocket | undefined {
  return requestOne(byFamily, encodeTcpRequest(local, remote, deviceIndex), decodeTcpSocket, sockDiag)
}

/** `struct inet_diag_req_v2` (sock_diag(7)) for TCP sockets in a set of states, with their `struct tcp_info`. Pure. */
export function tcpRequest(family: number, states: number): Buffer {
  const request = Buffer.alloc(56)
  request.set(pack([1, family], [1, tcp], [1, wantsTcpInfo], [1, 0], [4, states]))
  return request
}

/** The same for one connection. Pure. */
export function encodeTcpRequest(local: SocketAddress, remote: SocketAddress, deviceIndex: number): Uint8Array {
  const request = tcpRequest(addressFamily(local.family), allStates)
  request.writeUInt16BE(local.port, 8)
  request.writeUInt16BE(remote.port, 10)
  request.set(parseIP(local.address), 12)
  request.set(parseIP(remote.address), 28)
  request.set(pack([4, deviceIndex], [4, allStates], [4, allStates]), 44)
  return request
}

/** `struct inet_diag_msg`; undefined for a truncated message. Pure. */
export function decodeTcpSocket(payload: Uint8Array): TcpSocket | undefined {
  const deviceIndex = readU32(payload, offset.deviceIndex)
  if (payload.length < messageSize || deviceIndex === undefined) return undefined
  const attributes = decodeAttributes(payload.subarray(messageSize))
  const upper = decodeAttributes(attributes.get(attribute.upper) ?? new Uint8Array())
  const subflow = decodeAttributes(upper.get(upperMultipath) ?? new Uint8Array())
  const flags = readU32(subflow.get(subflowFlags) ?? new Uint8Array()) ?? 0
  return {
    deviceIndex,
    established: payload[offset.state] === established,
    retransmits: payload[offset.retransmits]!,
    backup: (flags & backupFlags) !== 0,
    // A copy: the next message is read into the same memory.
    tcpInfo: new Uint8Array(attributes.get(attribute.tcpInfo) ?? []),
  }
}
