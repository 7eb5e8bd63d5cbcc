import ipaddr from 'ipaddr.js'

export interface CapturedPacket {
  /** The time at which the kernel captured the packet, in ms since the epoch, to the microsecond. */
  timeMs: number
  /** The whole Ethernet frame. */
  frame: Buffer
  /** The source address. This and the next three properties exist only for IP packets. */
  source?: string
  destination?: string
  /** The IP protocol number. For IPv6, that of the first next header. */
  protocol?: number
  /** The bytes after the IP header. */
  payload?: Buffer
}

const fileHeader = 24
const recordHeader = 16

/** Parses a capture file with nanoseconds (magic 0xa1b23c4d) in either byte order, as tcpdump writes it. */
export function parsePcap(file: Buffer): CapturedPacket[] {
  const packets: CapturedPacket[] = []
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const little = view.getUint32(0, true) === 0xa1b23c4d
  let at = fileHeader
  while (at + recordHeader <= file.length) {
    const length = view.getUint32(at + 8, little)
    const timeMs = view.getUint32(at, little) * 1000 + view.getUint32(at + 4, little) / 1e6
    const frame = file.subarray(at + recordHeader, at + recordHeader + length)
    packets.push({ timeMs, frame, ...parseIp(frame) })
    at += recordHeader + length
  }
  return packets
}

function parseIp(frame: Buffer): Partial<CapturedPacket> {
  const type = frame.readUInt16BE(12)
  const ip = frame.subarray(14)
  const address = (start: number, end: number) => ipaddr.fromByteArray([...ip.subarray(start, end)]).toString()
  if (type === 0x0800) {
    const payload = ip.subarray((ip[0]! & 0x0f) * 4, ip.readUInt16BE(2))
    return { source: address(12, 16), destination: address(16, 20), protocol: ip[9], payload }
  }
  if (type === 0x86dd) {
    return { source: address(8, 24), destination: address(24, 40), protocol: ip[6], payload: ip.subarray(40) }
  }
  return {}
}
