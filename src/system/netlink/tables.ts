import { formatAddress } from './ip-address.js'
import { decodeLink, encodeLinkByName, type Link, linkDumpRequest } from './link.js'
import { type AddressMessage, addressDumpRequest, decodeLinkAddress } from './link-address.js'
import { MessageType } from './message.js'
import {
  decodeNeighbour,
  decodeSilentNeighbour,
  encodeNeighbourRequest,
  type NeighbourMessage,
  neighbourDumpRequest,
} from './neighbour.js'
import { decodeNexthop, hopsOf, nexthopDumpRequest } from './nexthop.js'
import { decodeQdisc, type QueueCounters, qdiscDumpRequest } from './qdisc.js'
import { dump, dumpNow, requestOne } from './request.js'
import {
  decodeChosenHop,
  decodeDefaultRoute,
  decodeHops,
  decodeIsLocal,
  encodeRouteRequest,
  type KernelRoute,
  type Route,
  type RouteHop,
  type RouteKey,
  routeDumpRequest,
} from './route.js'
import { decodeRule, type Rule, ruleDumpRequest } from './rule.js'

export function readLinks(): Link[] {
  return dumpNow(MessageType.getLink, linkDumpRequest, decodeLink)
}

/** One device with its counters; undefined if there is none of that name. */
export function readLink(name: string): Link | undefined {
  return requestOne(MessageType.getLink, encodeLinkByName(name), decodeLink)
}

export function readAddresses(): AddressMessage[] {
  return dumpNow(MessageType.getAddress, addressDumpRequest, decodeLinkAddress)
}

/** The rules that choose the routing table, IPv4 and IPv6. */
export function readRules(): Rule[] {
  return dumpNow(MessageType.getRule, ruleDumpRequest, decodeRule)
}

/** The queueing disciplines of all devices. */
export function readQueueing(): QueueCounters[] {
  return dumpNow(MessageType.getQdisc, qdiscDumpRequest, decodeQdisc)
}

/** The default routes of all tables, with nexthop objects resolved to their hops. */
export async function readDefaultRoutes(signal?: AbortSignal): Promise<KernelRoute[]> {
  const routes = await dump(MessageType.getRoute, routeDumpRequest, decodeDefaultRoute, signal)
  // With net.ipv4.nexthop_compat_mode on (the default), the kernel reports the hops too.
  const isBare = ({ hops, nexthopId }: Route) => hops.length === 0 && nexthopId !== undefined
  if (!routes.some(isBare)) return routes
  const nexthops = await dump(MessageType.getNexthop, nexthopDumpRequest, decodeNexthop, signal)
  const byId = new Map(nexthops.map(nexthop => [nexthop.id, nexthop]))
  return routes.map(route => (isBare(route) ? { ...route, hops: hopsOf(route.nexthopId!, byId) } : route))
}

/**
 * The kernel's entry for an address on a link. `incomplete`: ARP or neighbour discovery is running, and the kernel holds the
 * packets. `failed`: no answer came, and the packets were dropped. Undefined: there is no entry. RTM_GETNEIGH, Linux 5.0.
 */
export function neighbour(address: string, deviceIndex: number): NeighbourMessage | undefined {
  return requestOne(MessageType.getNeighbour, encodeNeighbourRequest(address, deviceIndex), decodeNeighbour)
}

/** Neighbours on all links: ARP and neighbour discovery. */
export function readNeighbours(signal?: AbortSignal): Promise<NeighbourMessage[]> {
  return dump(MessageType.getNeighbour, neighbourDumpRequest, decodeNeighbour, signal)
}

/** Neighbours on all links that haven't answered ARP or neighbour discovery: `failed` and `incomplete`. */
export function readSilentNeighbours(): NeighbourMessage[] {
  return dumpNow(MessageType.getNeighbour, neighbourDumpRequest, decodeSilentNeighbour)
}

/** Whether the kernel delivers packets to this address on this machine. `deviceIndex`: the link that the address is on. */
export function isDeliveredHere(address: string, deviceIndex?: number): boolean {
  return requestOne(MessageType.getRoute, encodeRouteRequest(address, { deviceIndex }), decodeIsLocal) ?? false
}

/** The next hop of a packet through this device: a gateway, or the address itself. */
export function nextHop(address: string, deviceIndex: number): string {
  const hop = requestOne(MessageType.getRoute, encodeRouteRequest(address, { deviceIndex }), decodeChosenHop)
  return hop?.gateway ?? address
}

/**
 * The hops of the entry in the routing table that leads to an address. Empty if the kernel reports only their nexthop object
 * (net.ipv4.nexthop_compat_mode). Undefined without an entry: then the kernel takes the address to be on the link.
 */
export function routeHops(address: string, key: RouteKey): RouteHop[] | undefined {
  try {
    return requestOne(MessageType.getRoute, encodeRouteRequest(address, { ...key, matched: true }), decodeHops)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return undefined
    throw error
  }
}

/** Whether the kernel sends packets to this address, 4 or 16 bytes, through this device. */
export function leavesBy(address: Uint8Array, deviceIndex: number, key: RouteKey): boolean {
  const leaves = (payload: Uint8Array) =>
    !decodeIsLocal(payload) && decodeChosenHop(payload)?.deviceIndex === deviceIndex
  return requestOne(MessageType.getRoute, encodeRouteRequest(formatAddress(address)!, key), leaves) ?? false
}
