import { addressFamily, familyOf } from '../../sockets/address.js'
import { parseIP } from '../../sockets/ip.js'
import { type Attributes, decodeAttributes, encodeAttribute } from './attributes.js'
import { align, pack, readI32, readU16, readU32 } from './bytes.js'
import { formatAddress, ipFamily } from './ip-address.js'

const headerSize = 12
export const hopHeaderSize = 8
/** RTA_… of rtnetlink(7). */
export const attribute = {
  destination: 1,
  source: 2,
  device: 4,
  gateway: 5,
  metric: 6,
  preferredSource: 7,
  metrics: 8,
  multipath: 9,
  table: 15,
  mark: 16,
  via: 18,
  preference: 20,
  nexthopId: 30,
} as const
const flagCloned = 0x200
const flagMatch = 0x2000
export const hopFlagOnLink = 0x4

export const mainTable = 254

/** `unicast` leads somewhere. The others refuse packets: silently, as unreachable, or as prohibited. */
export type RouteType = 'unicast' | 'blackhole' | 'unreachable' | 'prohibit'

/** Route types of linux/rtnetlink.h. The kernel creates the others (local, broadcast, …) from the addresses. */
const types = new Map<number, RouteType>([
  [1, 'unicast'],
  [6, 'blackhole'],
  [7, 'unreachable'],
  [8, 'prohibit'],
])

/** One hop of a route. A multipath route has several. */
export interface RouteHop {
  /** Index of the outgoing device. */
  readonly deviceIndex: number
  /** Gateway; undefined if the destination is on the link itself. An IPv4 route may have an IPv6 gateway (RFC 5549). */
  readonly gateway?: string
  /** The gateway counts as reachable on that device although no route leads to it (`onlink`, ip-route(8)). */
  readonly onLink?: true
  /** Its share of the flows among several hops, 1 to 256. */
  readonly weight?: number
}

/** An entry of a routing table (rtnetlink(7)). */
export interface Route {
  /** 4 or 6. */
  readonly family: 4 | 6
  /** What it does with a packet. */
  readonly type: RouteType
  /** Destination prefix. `0.0.0.0/0` and `::/0` are the default routes. */
  readonly destination: string
  /** The route applies only to packets from this prefix (source-specific routing). */
  readonly source?: string
  /** Number of the routing table; 254 is `main`. */
  readonly table: number
  /** Origin of the route: `rtm_protocol` of rtnetlink(7), such as 2 kernel, 4 static, 9 router advertisement, 16 DHCP. */
  readonly protocol: number
  /** Metric; the lowest wins. */
  readonly metric: number
  /** Source address for packets that have none yet. */
  readonly preferredSource?: string
  /** The next hops; empty if the route refuses packets. */
  readonly hops: readonly RouteHop[]
  /** Id of the nexthop object that provides the hops, if any (RTM_GETNEXTHOP). */
  readonly nexthopId?: number
}

/** A default route in the kernel, with what matters only to those that choose or copy one. */
export interface KernelRoute extends Route {
  /** Order among IPv6 routes of the same metric: 1 high, 0 medium, -1 low (RTA_PREF, RFC 4191). */
  readonly preference: number
  /** MTU and the like, as the kernel has them (RTA_METRICS). */
  readonly metrics?: Uint8Array
}

/** `struct rtmsg` that requests all routes. */
export const routeDumpRequest = pack([4, 0], [4, 0], [4, 0])

/** RTM_NEWROUTE and RTM_DELROUTE; undefined for truncated messages, other families, and the kernel's own routes. Pure. */
export function decodeRoute(payload: Uint8Array): Route | undefined {
  const header = decodeHeader(payload)
  return header && routeOf(payload, header, decodeAttributes(payload.subarray(headerSize)))
}

/**
 * Decodes only default routes, and skips all others early: a router may have a million. One for a type of service (`rtm_tos`)
 * isn't that of other packets. Pure.
 */
export function decodeDefaultRoute(payload: Uint8Array): KernelRoute | undefined {
  const header = payload[1] === 0 && payload[3] === 0 ? decodeHeader(payload) : undefined
  if (!header) return undefined
  const attributes = decodeAttributes(payload.subarray(headerSize))
  // Two bits with a sign.
  const preference = ((attributes.get(attribute.preference)?.[0] ?? 0) << 30) >> 30
  const metrics = attributes.get(attribute.metrics)
  return { ...routeOf(payload, header, attributes), preference, metrics: metrics && Uint8Array.from(metrics) }
}

/** Sorts the routes of one table and destination as the kernel prefers them. */
export function byMerit(a: KernelRoute, b: KernelRoute): number {
  return a.metric - b.metric || b.preference - a.preference
}

function routeOf(payload: Uint8Array, { family, type }: Header, attributes: Attributes): Route {
  const u32 = (type: number) => readU32(attributes.get(type) ?? new Uint8Array())
  const prefix = (attributeType: number, length: number) => {
    const any = family === 4 ? '0.0.0.0' : '::'
    return `${formatAddress(attributes.get(attributeType)) ?? any}/${length}`
  }
  return {
    family,
    type,
    destination: prefix(attribute.destination, payload[1]!),
    source: payload[2]! > 0 ? prefix(attribute.source, payload[2]!) : undefined,
    table: u32(attribute.table) ?? payload[4]!,
    protocol: payload[5]!,
    metric: u32(attribute.metric) ?? 0,
    preferredSource: formatAddress(attributes.get(attribute.preferredSource)),
    hops: hopsOf(attributes, readU32(payload, 8)!),
    nexthopId: u32(attribute.nexthopId),
  }
}

/** What the kernel chooses a route by, beside the destination. */
export interface RouteKey {
  /** Index of the device that the socket is bound to. */
  readonly deviceIndex?: number
  /** Source address, 4 or 16 bytes. */
  readonly source?: Uint8Array
  /** SO_MARK. */
  readonly mark?: number
  /** Ask for the entry of the routing table (RTM_F_FIB_MATCH, Linux 4.13), so that no entry is an error. */
  readonly matched?: boolean
}

/** `struct rtmsg` that asks for the route of a packet to this address. Pure. */
export function encodeRouteRequest(address: string, { deviceIndex, source, mark, matched }: RouteKey = {}): Uint8Array {
  const family = addressFamily(familyOf(address))
  const bytes = parseIP(address)
  const header = pack(
    [1, family],
    [1, 8 * bytes.length],
    [1, 8 * (source?.length ?? 0)],
    [1, 0],
    [4, 0],
    [4, matched ? flagMatch : 0],
  )
  const parts = [header, encodeAttribute(attribute.destination, bytes)]
  if (source) parts.push(encodeAttribute(attribute.source, source))
  if (deviceIndex !== undefined) parts.push(encodeAttribute(attribute.device, pack([4, deviceIndex])))
  if (mark) parts.push(encodeAttribute(attribute.mark, pack([4, mark])))
  return Buffer.concat(parts)
}

/** Decodes the answer: whether the kernel delivers the packet on this machine (`RTN_LOCAL`). Pure. */
export function decodeIsLocal(payload: Uint8Array): boolean {
  return payload[7] === 2
}

/** Decodes the answer: the first hop of the route that the kernel chose. Pure. */
export function decodeChosenHop(payload: Uint8Array): RouteHop | undefined {
  return decodeHops(payload)[0]
}

/** Decodes the answer: all hops of the route. Pure. */
export function decodeHops(payload: Uint8Array): RouteHop[] {
  return hopsOf(decodeAttributes(payload.subarray(headerSize)), readU32(payload, 8) ?? 0)
}

interface Header {
  readonly family: 4 | 6
  readonly type: RouteType
}

function decodeHeader(payload: Uint8Array): Header | undefined {
  const family = ipFamily(payload[0] ?? 0)
  const type = types.get(payload[7] ?? 0)
  const flags = readU32(payload, 8)
  if (family === undefined || type === undefined || flags === undefined || flags & flagCloned) return undefined
  return { family, type }
}

function hopsOf(attributes: Attributes, flags: number): RouteHop[] {
  const multipath = attributes.get(attribute.multipath)
  if (multipath) return decodeMultipath(multipath)
  const deviceIndex = readI32(attributes.get(attribute.device) ?? new Uint8Array())
  return deviceIndex === undefined ? [] : [{ deviceIndex, gateway: gatewayOf(attributes), onLink: isOnLink(flags) }]
}

/** Decodes `struct rtnexthop` entries, each with its own attributes. */
function decodeMultipath(bytes: Uint8Array): RouteHop[] {
  const hops: RouteHop[] = []
  for (let offset = 0; offset + hopHeaderSize <= bytes.length; ) {
    const length = readU16(bytes, offset)!
    if (length < hopHeaderSize || length > bytes.length - offset) break
    const attributes = decodeAttributes(bytes.subarray(offset + hopHeaderSize, offset + length))
    hops.push({
      deviceIndex: readI32(bytes, offset + 4)!,
      gateway: gatewayOf(attributes),
      onLink: isOnLink(bytes[offset + 2]!),
      weight: bytes[offset + 3]! + 1,
    })
    offset += align(length)
  }
  return hops
}

/** `rtnh_flags`. */
export function isOnLink(flags: number): true | undefined {
  return (flags & hopFlagOnLink) !== 0 || undefined
}

/** RTA_VIA is a gateway of another family: the family, then the address. */
function gatewayOf(attributes: Attributes): string | undefined {
  return formatAddress(attributes.get(attribute.gateway)) ?? formatAddress(attributes.get(attribute.via)?.subarray(2))
}
