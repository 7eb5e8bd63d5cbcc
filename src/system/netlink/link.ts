import { attributeStart, decodeAttributes, encodeAttribute } from './attributes.js'
import { macText, pack, readI32, readText, readU16, readU32, readU64 } from './bytes.js'

const IFF_UP = 0x1
const IFF_LOOPBACK = 0x8
const IFF_RUNNING = 0x40
const ARPHRD_ETHER = 1
const headerSize = 16
const attribute = {
  address: 1,
  name: 3,
  mtu: 4,
  master: 10,
  linkInfo: 18,
  stats64: 23,
  extMask: 29,
  carrier: 33,
} as const
const infoKind = 1

/** Counters since the device was created, in packets or bytes. `struct rtnl_link_stats64`. */
export interface DeviceCounters {
  /** Packets received. */
  rxPackets: number
  /** Packets sent. */
  txPackets: number
  /** Bytes received. */
  rxBytes: number
  /** Bytes sent. */
  txBytes: number
  /** Bad packets received. */
  rxErrors: number
  /** Packets that could not be sent. */
  txErrors: number
  /** Packets received and dropped: no buffer space, or no receiver. */
  rxDropped: number
  /** Packets dropped before sending. */
  txDropped: number
  /** Multicast packets received. */
  multicast: number
  /** Collisions while sending. */
  collisions: number
}

const counterNames = [
  'rxPackets',
  'txPackets',
  'rxBytes',
  'txBytes',
  'rxErrors',
  'txErrors',
  'rxDropped',
  'txDropped',
  'multicast',
  'collisions',
] as const

/** A device as RTM_NEWLINK reports it (rtnetlink(7)). */
export interface Link {
  /** Index of this very device. */
  readonly index: number
  /** Its name. */
  readonly name: string
  /** IFLA_INFO_KIND such as `vlan`, `wireguard`, `ppp`, `veth`; otherwise `loopback` or `physical`. */
  readonly kind: string
  /** Whether it is switched on: IFF_UP. */
  readonly up: boolean
  /** Whether it can carry packets: IFF_RUNNING. False with the cable unplugged. */
  readonly running: boolean
  /** MTU in bytes. */
  readonly mtu: number
  /** MAC address, for Ethernet-like devices. */
  readonly mac?: string
  /** Index of the bridge, bond or VRF it belongs to. */
  readonly masterIndex?: number
  /** Packets and bytes carried. */
  readonly counters?: DeviceCounters
}

/** `struct ifinfomsg` that requests all devices. */
export const linkDumpRequest = pack([1, 0], [1, 0], [2, 0], [4, 0], [4, 0], [4, 0])

const RTEXT_FILTER_SKIP_STATS = 8

/** `struct ifinfomsg` that requests one device without statistics, which make up most of the answer. Pure. */
export function encodeLinkRequest(index: number): Uint8Array {
  return Uint8Array.of(
    ...pack([1, 0], [1, 0], [2, 0], [4, index], [4, 0], [4, 0]),
    ...encodeAttribute(attribute.extMask, pack([4, RTEXT_FILTER_SKIP_STATS])),
  )
}

/** `struct ifinfomsg` that requests one device by its name, with statistics. Linux 2.6.24. Pure. */
export function encodeLinkByName(name: string): Uint8Array {
  return Uint8Array.of(
    ...pack([1, 0], [1, 0], [2, 0], [4, 0], [4, 0], [4, 0]),
    ...encodeAttribute(attribute.name, Buffer.from(`${name}\0`)),
  )
}

/** The index of a device and whether it is running, as in `Link`; undefined if the message isn't about a device. Pure. */
export function decodeRunning(payload: Uint8Array): [index: number, running: boolean] | undefined {
  const index = readI32(payload, 4)
  const flags = readU32(payload, 8)
  if (payload[0] !== 0 || index === undefined || flags === undefined) return undefined
  const carrier = attributeStart(payload, headerSize, attribute.carrier, 1)
  return [index, isRunning(flags, carrier === undefined ? undefined : payload[carrier])]
}

/** Uses IFLA_CARRIER: the flag may follow an unplugged cable a second late, because the kernel's link watch is rate-limited. */
function isRunning(flags: number, carrier: number | undefined): boolean {
  return (flags & IFF_RUNNING) !== 0 && carrier !== 0
}

/**
 * Returns undefined for messages that aren't about a device: truncated, nameless, or a bridge's report on its ports (family
 * AF_BRIDGE). Pure.
 */
export function decodeLink(payload: Uint8Array): Link | undefined {
  const index = readI32(payload, 4)
  const flags = readU32(payload, 8)
  if (payload.length < headerSize || payload[0] !== 0 || index === undefined || flags === undefined) return undefined
  const attributes = decodeAttributes(payload.subarray(headerSize))
  const nameBytes = attributes.get(attribute.name)
  if (!nameBytes) return undefined
  const u32 = (type: number) => readU32(attributes.get(type) ?? new Uint8Array())
  const kind = decodeAttributes(attributes.get(attribute.linkInfo) ?? new Uint8Array()).get(infoKind)
  const loopback = (flags & IFF_LOOPBACK) !== 0
  return {
    index,
    name: readText(nameBytes),
    kind: kind ? readText(kind) : loopback ? 'loopback' : 'physical',
    up: (flags & IFF_UP) !== 0,
    running: isRunning(flags, attributes.get(attribute.carrier)?.[0]),
    mtu: u32(attribute.mtu) ?? 0,
    mac: readU16(payload, 2) === ARPHRD_ETHER ? macText(attributes.get(attribute.address)) : undefined,
    masterIndex: u32(attribute.master),
    counters: decodeCounters(attributes.get(attribute.stats64)),
  }
}

function decodeCounters(bytes: Uint8Array | undefined): DeviceCounters | undefined {
  if (!bytes) return undefined
  const entries = counterNames.map((name, index) => [name, readU64(bytes, 8 * index) ?? 0])
  return Object.fromEntries(entries) as DeviceCounters
}
