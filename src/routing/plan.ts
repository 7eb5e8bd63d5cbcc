import { type DefaultRoute, mtuOf } from '../system/netlink/default-route.js'
import { mainTable } from '../system/netlink/route.js'
import type { Rule } from '../system/netlink/rule.js'
import { type Entry, metricOf, routeEntry, ruleEntry } from './entries.js'
import { ourProtocol, type UplinkFacts } from './kernel-tables.js'
import type { RoutingSettings } from './options.js'

/** The last rule of netvia has the priority `rulePriority` + 2. */
export const lastPlace = 2
/** `rtnh_hops` is a byte. */
const maxWeight = 256
/** IPv6 takes no hop without a gateway beside others. Devices whose routes have none (PPP, LTE) ignore it. */
const anyGateway6 = 'fe80::1'

/**
 * The routes and rules of one family, in the order in which they have to be made: what a rule leads to is there before the rule. `inForce` are
 * the uplinks that the default route leads to. Without any, it refuses packets if `isRefused`. Pure.
 */
export function planFamily(
  family: 4 | 6,
  uplinks: readonly UplinkFacts[],
  inForce: readonly UplinkFacts[],
  isRefused: boolean,
  { table, rulePriority }: RoutingSettings,
): Entry[] {
  const common = { family, protocol: ourProtocol, metric: metricOf(family) }
  const routes: DefaultRoute[] = uplinks.flatMap(uplink => {
    return uplink[family] ? [{ ...common, table: uplink.table, ...leadingTo(family, [uplink]) }] : []
  })
  if (inForce.length > 0 || isRefused) routes.push({ ...common, table, ...leadingTo(family, inForce) })
  return [...routes.map(routeEntry), ...rules(family, uplinks, table, rulePriority).map(ruleEntry)]
}

type Destination = Pick<DefaultRoute, 'hops' | 'preferredSource' | 'metrics'>

function leadingTo(family: 4 | 6, uplinks: readonly UplinkFacts[]): Destination {
  if (uplinks.length < 2) {
    const { hop, ...way } = uplinks[0]?.[family] ?? {}
    return { ...way, hops: hop ? [hop] : [] }
  }
  const scale = Math.min(1, maxWeight / Math.max(...uplinks.map(({ weight }) => weight)))
  const hops = uplinks.map(uplink => {
    const { hop } = uplink[family]!
    const gateway = hop.gateway ?? (family === 6 ? anyGateway6 : undefined)
    return { ...hop, gateway, weight: Math.max(1, Math.round(uplink.weight * scale)) }
  })
  // One route has the metrics of one. The smallest MTU is right for all.
  const metrics = uplinks.map(uplink => uplink[family]!.metrics).reduce((a, b) => (mtuOf(b) < mtuOf(a) ? b : a))
  return { hops, metrics }
}

/**
 * First all routes of the main table that are no default routes. Then what belongs to an uplink: its addresses, its mark, and sockets bound
 * to its device, which must get out even where the route in force refuses everything. Then the route in force.
 */
function rules(family: 4 | 6, uplinks: readonly UplinkFacts[], table: number, priority: number): Rule[] {
  const rule = (place: number, table: number, selector: Partial<Rule> = {}): Rule => {
    return { family, priority: priority + place, table, protocol: ourProtocol, ...selector }
  }
  const owned = uplinks.flatMap(uplink => [
    rule(1, uplink.table, { device: uplink.device }),
    ...(uplink.mark === undefined ? [] : [rule(1, uplink.table, { mark: uplink.mark })]),
    ...uplink.addresses
      .filter(({ family: own }) => own === family)
      .map(({ address }) => rule(1, uplink.table, { source: address })),
  ])
  return [rule(0, mainTable, { suppressPrefixLength: 0 }), ...owned, rule(lastPlace, table)]
}
