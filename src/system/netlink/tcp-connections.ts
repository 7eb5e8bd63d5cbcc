import { AF_INET, AF_INET6 } from '../../sockets/address.js'
import { mappedIPv4 } from '../../sockets/ip.js'
import { attributeStart } from './attributes.js'
import { readU32 } from './bytes.js'
import { dump } from './request.js'
import { attribute, byFamily, established, messageSize, offset, sockDiag, tcpRequest } from './sock-diag.js'

/** Offsets in `struct inet_diag_sockid` of linux/inet_diag.h, within its message. */
const place = { local: 8, remote: 24 } as const
/** Offsets in `struct tcp_info` of linux/tcp.h, and the number of bytes needed. */
const info = { retransmits: 2, unacknowledged: 24, lastAck: 56, rtt: 68, size: 72 } as const
/** States (TCP_* of net/tcp_states.h) in which data may be unacknowledged. */
const states = { established, finWait1: 4, closeWait: 8, lastAck: 9, closing: 11 } as const

/** A TCP connection of this machine, as sock_diag(7) reports it. Addresses have 4 or 16 bytes. */
export interface TcpConnection {
  readonly local: Uint8Array
  readonly remote: Uint8Array
  /** Index of the device it is bound to (SO_BINDTODEVICE); 0: none. */
  readonly deviceIndex: number
  /** SO_MARK; 0 without CAP_NET_ADMIN, which the kernel asks for. */
  readonly mark: number
  /** Retransmission timeouts in a row, without an acknowledgement since. */
  readonly timeouts: number
  /** Since the last acceptable segment came from the other end, in milliseconds. */
  readonly lastAckMs: number
  /** Smoothed round-trip time, in milliseconds. */
  readonly rttMs: number
}

/** `struct inet_diag_req_v2` that requests the TCP connections of a family with their `struct tcp_info`. Pure. */
export function encodeTcpRequest(family: number): Uint8Array {
  const wanted = Object.values(states).reduce((mask, state) => mask | (1 << state), 0)
  return tcpRequest(family, wanted)
}

/** Returns undefined for truncated messages, and from a kernel that doesn't report all of it. Pure. */
export function decodeTcpConnection(payload: Uint8Array): TcpConnection | undefined {
  const deviceIndex = readU32(payload, offset.deviceIndex)
  const size = payload[0] === AF_INET ? 4 : payload[0] === AF_INET6 ? 16 : undefined
  if (size === undefined || deviceIndex === undefined || payload.length < messageSize) return undefined
  const start = attributeStart(payload, messageSize, attribute.tcpInfo, info.size)
  const mark = attributeStart(payload, messageSize, attribute.mark, 4)
  if (start === undefined) return undefined
  const isWaiting = readU32(payload, start + info.unacknowledged)! > 0
  return {
    local: addressAt(payload, place.local, size),
    remote: addressAt(payload, place.remote, size),
    deviceIndex,
    mark: mark === undefined ? 0 : readU32(payload, mark)!,
    timeouts: isWaiting ? payload[start + info.retransmits]! : 0,
    lastAckMs: readU32(payload, start + info.lastAck)!,
    rttMs: readU32(payload, start + info.rtt)! / 1000,
  }
}

/** The TCP connections of this network namespace, IPv4 and IPv6. No privilege needed. */
export async function readTcpConnections(): Promise<TcpConnection[]> {
  const found: TcpConnection[] = []
  for (const family of [AF_INET, AF_INET6]) {
    const some = await dump(byFamily, encodeTcpRequest(family), decodeTcpConnection, undefined, sockDiag)
    for (const connection of some) found.push(connection)
  }
  return found
}

/** A copy. A dual-stack socket has its IPv4 addresses within 16 bytes. */
function addressAt(payload: Uint8Array, start: number, size: number): Uint8Array {
  const address = payload.slice(start, start + size)
  return mappedIPv4(address) === undefined ? address : address.subarray(12)
}
