import { addon } from '../binding/addon.js'
import type { Uplink } from '../monitor/settings.js'
import { isWithoutFamily, openDescriptor } from '../sockets/open.js'
import type { Link } from '../system/netlink/link.js'
import type { AddressMessage } from '../system/netlink/link-address.js'
import { byMerit, type KernelRoute, mainTable, type Route, type RouteHop } from '../system/netlink/route.js'
import type { Rule } from '../system/netlink/rule.js'
import { readAddresses, readDefaultRoutes, readLinks, readRules } from '../system/netlink/tables.js'

/** `rtm_protocol` and FRA_PROTOCOL of all that is ours: no routing daemon of iproute2's rt_protos has it. */
export const ourProtocol = 77

/** The lowest number that netvia's tables may have. The kernel names those before it. */
export const firstTable = 256

/** The kernel's tables at one moment. */
export interface KernelTables {
  readonly links: readonly Link[]
  readonly addresses: readonly AddressMessage[]
  readonly defaultRoutes: readonly KernelRoute[]
  readonly rules: readonly Rule[]
}

/** The default route of one family. */
export interface WayOut {
  readonly hop: RouteHop
  readonly preferredSource?: string
  /** MTU and the like. */
  readonly metrics?: Uint8Array
}

/** The facts about one uplink that routing depends on. */
export interface UplinkFacts {
  readonly name: string
  readonly device: string
  /** Index of the device; undefined while it doesn't exist. */
  readonly index?: number
  /** Number of its routing table. */
  readonly table: number
  readonly weight: number
  readonly mark?: number
  readonly 4?: WayOut
  readonly 6?: WayOut
  readonly addresses: readonly { readonly address: string; readonly family: 4 | 6 }[]
}

export async function readKernel(): Promise<KernelTables> {
  // First, as it is the only one that takes its time.
  const defaultRoutes = await readDefaultRoutes()
  return { defaultRoutes, links: readLinks(), addresses: readAddresses(), rules: readRules() }
}

export function hasIPv6(): boolean {
  try {
    addon().close(openDescriptor(6, 'datagram', 0, {}))
    return true
  } catch (error) {
    if (isWithoutFamily(error)) return false
    throw error
  }
}

/** Whether netvia made it. Nothing in the main table is. */
export function isOurs({ protocol, table }: Route): boolean {
  return protocol === ourProtocol && table >= firstTable
}

/** Pure. */
export function uplinkFacts({ name, device, localAddress, weight, mark }: Uplink, table: number, kernel: KernelTables) {
  const index = kernel.links.find(link => link.name === device)?.index
  const addresses = kernel.addresses
    .filter(({ deviceIndex }) => deviceIndex === index)
    .map(({ address: { address, family, scope, tentative } }) => ({ address, family, scope, tentative }))
    .filter(({ scope, tentative }) => (scope === 'global' || scope === 'site') && !tentative)
    .filter(({ address }) => localAddress === undefined || address === localAddress)
    .map(({ address, family }) => ({ address, family }))
  return {
    ...{ name, device: device!, index, table, weight, mark, addresses },
    4: wayOut(4, index, kernel.defaultRoutes),
    6: wayOut(6, index, kernel.defaultRoutes),
  } satisfies UplinkFacts
}

/** The best default route of the main table through the device. */
function wayOut(family: 4 | 6, index: number | undefined, routes: readonly KernelRoute[]): WayOut | undefined {
  const found = routes
    .filter(route => route.family === family && route.table === mainTable)
    .filter(({ type, source }) => type === 'unicast' && source === undefined)
    .sort(byMerit)
    .flatMap(({ hops, preferredSource, metrics }) => hops.map(hop => ({ hop, preferredSource, metrics })))
    .find(({ hop }) => hop.deviceIndex === index)
  if (!found) return undefined
  const { deviceIndex, gateway, onLink } = found.hop
  return { ...found, hop: { deviceIndex, gateway, onLink } }
}
