import { addon } from '../../binding/addon.js'
import { checkOptions } from '../../options.js'
import { type OpenUdpOptions, openUdpDescriptor, udpSchema } from './udp-descriptor.js'
import { UdpPacketSocket } from './udp-packet-socket.js'

/** IP_PKTINFO, IPV6_RECVPKTINFO, IP_RECVTTL and IPV6_RECVHOPLIMIT (ip(7), ipv6(7)). */
const reports = {
  4: { IP_PKTINFO: 1, IP_RECVTTL: 1 },
  6: { IPV6_RECVPKTINFO: 1, IPV6_RECVHOPLIMIT: 1 },
} as const

/**
 * A bound UDP socket whose messages come with the destination address, the device and the TTL they arrived with, like Go's
 * `ipv4.NewPacketConn` with control messages. `reply` answers from the address and through the device that a message came to.
 * Takes the options of `openUdp`. Use `openUdp` if you don't need this: it returns Node's own socket.
 *
 * When the device is deleted the socket emits `error` with ENODEV and closes. When the `signal` fires it closes.
 *
 * @throws NetviaError as `openUdp`.
 */
export async function openUdpPackets(given: OpenUdpOptions = {}): Promise<UdpPacketSocket> {
  return openReported(checkOptions('openUdpPackets', given, udpSchema), false)
}

/** `reported`: a send fails if the device's queue is full. */
export async function openReported(options: OpenUdpOptions, reported = true): Promise<UdpPacketSocket> {
  const { fd, family } = await openUdpDescriptor('openUdpPackets', options, family => reports[family])
  try {
    options.signal?.throwIfAborted()
  } catch (error) {
    addon().close(fd)
    throw error
  }
  return new UdpPacketSocket(fd, family, options, reported)
}
