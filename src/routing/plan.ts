import type { DefaultRoute } from '../system/netlink/default-route.js'
import { mainTable } from '../system/netlink/route.js'
import type { Rule } from '../system/netlink/rule.js'
import { type Entry, metricOf, routeEntry, ruleEntry } from './entries.js'
import { ourProtocol, type UplinkFacts } from './kernel-tables.js'
import type { RoutingSettings } from './options.js'

/** `rtnh_hops` is a byte. */
const maxWeight = 256

/**
 * The routes and rules of one family, in the order in which they have to be made: what a rule leads to is there before the rule. `inForce` are
 * the uplinks that the default route leads to. Pure.
 */
export function planFamily(
  family: 4 | 6,
  uplinks: readonly UplinkFacts[],
  inForce: readonly UplinkFacts[],
  { table, rulePriority, whenAllDown }: RoutingSettings,
): Entry[] {
  const common = { family, protocol: ourProtocol, metric: metricOf(family) }
  const routes: DefaultRoute[] = uplinks.flatMap(uplink => {
    const way = uplink[family]
    return way ? [{ ...common, table: uplink.table, hops: [way.hop], preferredSource: way.preferredSource }] : []
  })
  const isRefused = inForce.length === 0 && whenAllDown === 'unreachable'
  if (inForce.length > 0 || isRefused) routes.push({ ...common, table, ...leadingTo(family, inForce) })
  return [...routes.map(routeEntry), ...rules(family, uplinks, table, rulePriority).map(ruleEntry)]
}

function leadingTo(family: 4 | 6, uplinks: readonly UplinkFacts[]): Pick<DefaultRoute, 'hops' | 'preferredSource'> {
  if (uplinks.length < 2) {
    const way = uplinks[0]?.[family]
    return { hops: way ? [way.hop] : [], preferredSource: way?.preferredSource }
  }
  const scale = Math.min(1, maxWeight / Math.max(...uplinks.map(({ weight }) => weight)))
  const weightOf = (weight: number) => Math.max(1, Math.round(weight * scale))
  return { hops: uplinks.map(uplink => ({ ...uplink[family]!.hop, weight: weightOf(uplink.weight) })) }
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
  return [rule(0, mainTable, { suppressPrefixLength: 0 }), ...owned, rule(2, table)]
}
