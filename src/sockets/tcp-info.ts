import type { Socket } from 'node:net'
import { endianness } from 'node:os'
import { invalidArgument } from '../errors.js'
import { descriptorOf } from './hand-over.js'
import { getOptionBytes } from './options.js'

/**
 * The kernel's data on a connection: `struct tcp_info`, tcp(7). A field is undefined if this kernel is too old to report it, or
 * nothing has been measured yet.
 */
export interface TcpInfo {
  /** `established`, `syn-sent`, `fin-wait-1`, … */
  state: string
  /** Smoothed round-trip time (RFC 6298), in milliseconds. */
  rttMs?: number
  /** Its mean deviation (RFC 6298), in milliseconds. */
  rttVarMs?: number
  /** Minimum round-trip time of the recent past (RFC 8985), in milliseconds. Linux 4.9. */
  minRttMs?: number
  /** Round-trip time estimated by the receiving side, in milliseconds. */
  receiveRttMs?: number
  /** Current retransmission timeout, in milliseconds. */
  rtoMs?: number
  /** Segments retransmitted since the connection began. */
  retransmits?: number
  /** Segments in flight now counted as lost. */
  lost?: number
  /** Segments sent and not yet acknowledged. */
  unacknowledged?: number
  /** Largest segment sent, in bytes. */
  mss?: number
  /** Largest segment received, in bytes. */
  receiveMss?: number
  /** Path MTU, in bytes. */
  pathMtu?: number
  /** Congestion window, in segments. */
  congestionWindow?: number
  /** Slow-start threshold, in segments; undefined during the first slow start. */
  slowStartThreshold?: number
  /** Recent delivery rate, in bytes per second. Linux 4.9. */
  deliveryRate?: number
  /** Maximum rate at which the kernel sends, in bytes per second. Linux 3.15. */
  pacingRate?: number
  /** Bytes not sent yet. Linux 4.6. */
  unsentBytes?: number
  /** Payload bytes sent, with those sent again. Linux 4.19. */
  bytesSent?: number
  /** Payload bytes retransmitted. Linux 4.19. */
  bytesRetransmitted?: number
  /** Payload bytes that the other end has acknowledged. Linux 4.1. */
  bytesAcknowledged?: number
  /** Payload bytes received. Linux 4.1. */
  bytesReceived?: number
  /** Segments sent. Linux 4.2. */
  segmentsSent?: number
  /** Segments received. Linux 4.2. */
  segmentsReceived?: number
  /** Segments with data that have arrived at the other end, in order or not (RFC 2018). Linux 4.18. */
  segmentsDelivered?: number
  /** Whether each segment has a timestamp (RFC 7323), which takes 12 bytes of its header. */
  timestamps: boolean
  /** Time with unacknowledged or unsent data, in milliseconds. Linux 4.10. */
  busyMs?: number
  /** Part of `busyMs` in which the other end's receive window held the data back. Linux 4.10. */
  receiveWindowLimitedMs?: number
  /** Part of `busyMs` in which this end's send buffer was too small, or was filled too late. Linux 4.10. */
  sendBufferLimitedMs?: number
  /** Time since the last data was sent, in milliseconds. */
  lastSentMs?: number
  /** Time since the last data arrived, in milliseconds. */
  lastReceivedMs?: number
}

/** TCP states as numbered in net/tcp_states.h and linux/tcp.h, from 1. */
const states = [
  'established',
  'syn-sent',
  'syn-received',
  'fin-wait-1',
  'fin-wait-2',
  'time-wait',
  'close',
  'close-wait',
  'last-ack',
  'listen',
  'closing',
  'new-syn-received',
]

const littleEndian = endianness() === 'LE'
const unlimited = 0xffff_ffff
const infiniteThreshold = 0x7fff_ffff

/** Decodes the part of `struct tcp_info` (linux/tcp.h) that this kernel returned. Pure. */
export function decodeTcpInfo(bytes: Uint8Array): TcpInfo {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const u32 = (offset: number) => (offset + 4 <= bytes.length ? view.getUint32(offset, littleEndian) : undefined)
  const u64 = (offset: number) =>
    offset + 8 <= bytes.length ? Number(view.getBigUint64(offset, littleEndian)) : undefined
  const known = (value: number | undefined, none: number) => (value === none ? undefined : value)
  const ms = (microseconds: number | undefined) => (microseconds === undefined ? undefined : microseconds / 1000)
  return {
    state: states[bytes[0]! - 1] ?? 'unknown',
    rttMs: ms(known(u32(68), 0)),
    rttVarMs: ms(known(u32(68), 0) === undefined ? undefined : u32(72)),
    minRttMs: ms(known(u32(148), unlimited)),
    receiveRttMs: ms(known(u32(92), 0)),
    rtoMs: ms(u32(8)),
    retransmits: u32(100),
    lost: u32(32),
    unacknowledged: u32(24),
    mss: u32(16),
    receiveMss: u32(20),
    pathMtu: u32(60),
    congestionWindow: u32(80),
    slowStartThreshold: known(u32(76), infiniteThreshold),
    deliveryRate: u64(160),
    pacingRate: u64(104),
    unsentBytes: u32(144),
    bytesSent: u64(200),
    bytesRetransmitted: u64(208),
    bytesAcknowledged: u64(120),
    bytesReceived: u64(128),
    segmentsSent: u32(136),
    segmentsReceived: u32(140),
    segmentsDelivered: u32(192),
    timestamps: ((bytes[5] ?? 0) & 1) === 1,
    busyMs: ms(u64(168)),
    receiveWindowLimitedMs: ms(u64(176)),
    sendBufferLimitedMs: ms(u64(184)),
    lastSentMs: u32(44),
    lastReceivedMs: u32(52),
  }
}

/**
 * Returns the kernel's data on a TCP connection. Takes any `net.Socket` or `tls.TLSSocket`, netvia's or not, or a descriptor.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` for a socket without a descriptor (closed, for example); `EBADF`, `ENOTSOCK`,
 * `ENOTSUP` or `ENOPROTOOPT` for a descriptor that is not a TCP socket.
 */
export function tcpInfo(socket: Socket | number): TcpInfo {
  const fd = typeof socket === 'object' && socket !== null ? descriptorOf(socket) : socket
  if (!Number.isInteger(fd) || fd < 0)
    throw invalidArgument('tcpInfo: socket', socket, 'an open socket or a descriptor')
  return decodeTcpInfo(getOptionBytes(fd, 'TCP_INFO', 256))
}
