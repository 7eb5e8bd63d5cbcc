import type { DeviceCounters, Link } from '../netlink/link.js'
import type { AddressMessage } from '../netlink/link-address.js'
import { byMerit, type KernelRoute, mainTable } from '../netlink/route.js'
import type { Device } from './device.js'

const noCounters: DeviceCounters = {
  rxPackets: 0,
  txPackets: 0,
  rxBytes: 0,
  txBytes: 0,
  rxErrors: 0,
  txErrors: 0,
  rxDropped: 0,
  txDropped: 0,
  multicast: 0,
  collisions: 0,
}

/** Assembles devices from the kernel's tables. Pure. */
export function assembleDevices(
  links: readonly Link[],
  addresses: readonly AddressMessage[],
  defaultRoutes: readonly KernelRoute[],
): Device[] {
  const names = new Map(links.map(({ index, name }) => [index, name]))
  const gateways = { 4: gatewaysOf(4, defaultRoutes), 6: gatewaysOf(6, defaultRoutes) }
  return links.map(({ masterIndex, counters, ...link }) => ({
    ...link,
    addresses: addresses.filter(({ deviceIndex }) => deviceIndex === link.index).map(({ address }) => address),
    gateway4: gateways[4].get(link.index),
    gateway6: gateways[6].get(link.index),
    master: masterIndex === undefined ? undefined : names.get(masterIndex),
    counters: counters ?? noCounters,
  }))
}

/**
 * The gateway of each device, from its best default route. The main table comes before those of policy routing, and routes for
 * every source before source-specific ones.
 */
function gatewaysOf(family: 4 | 6, routes: readonly KernelRoute[]): Map<number, string | undefined> {
  const rank = ({ table, source }: KernelRoute) => (table === mainTable ? 0 : 2) + (source === undefined ? 0 : 1)
  const ordered = routes
    .filter(route => route.family === family && route.type === 'unicast')
    .sort((a, b) => rank(a) - rank(b) || byMerit(a, b))
  const gateways = new Map<number, string | undefined>()
  for (const { hops } of ordered) {
    for (const { deviceIndex, gateway } of hops) if (!gateways.has(deviceIndex)) gateways.set(deviceIndex, gateway)
  }
  return gateways
}
