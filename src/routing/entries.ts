import { type DefaultRoute, encodeDefaultRoute, encodeDefaultRouteRemoval } from '../system/netlink/default-route.js'
import { MessageFlag, MessageType } from '../system/netlink/message.js'
import type { Order } from '../system/netlink/request.js'
import { encodeRule, type Rule } from '../system/netlink/rule.js'
import { isOurs, type KernelTables, ourProtocol } from './kernel-tables.js'

/** A route or rule of ours. */
export interface Entry {
  /** Identifies the entry. Another entry with the same id replaces it. */
  readonly id: string
  readonly content: string
  /** In words, as ip(8) has it. */
  readonly words: string
  /** Indexes of the devices that it is gone with. */
  readonly devices: readonly number[]
  readonly put: Order
  readonly remove: Order
}

export type Entries = ReadonlyMap<string, Entry>

/** The lowest, so that no other route in the same table comes first. IPv6 has no metric 0. */
export function metricOf(family: 4 | 6): number {
  return family === 4 ? 0 : 1
}

export function routeId(family: 4 | 6, table: number, metric = metricOf(family)): string {
  return `route ${family} ${table} ${metric}`
}

const { create, replace, exclusive } = MessageFlag

export function routeEntry(route: DefaultRoute): Entry {
  const { family, table, metric, hops, preferredSource, metrics = [] } = route
  // The kernel does not keep the order of IPv6 hops.
  const sorted = hops
    .map(({ deviceIndex, gateway, onLink, weight }) => JSON.stringify([deviceIndex, gateway, onLink, weight]))
    .sort()
  return {
    id: routeId(family, table, metric),
    content: JSON.stringify([sorted, preferredSource, [...metrics]]),
    words: `the IPv${family} default route of table ${table}`,
    devices: hops.map(({ deviceIndex }) => deviceIndex),
    put: { type: MessageType.newRoute, flags: create | replace, payload: encodeDefaultRoute(route) },
    remove: { type: MessageType.deleteRoute, flags: 0, payload: encodeDefaultRouteRemoval(route) },
  }
}

export function ruleEntry(rule: Rule): Entry {
  const { family, priority, table, source, device, mark, suppressPrefixLength } = rule
  const selector = source ? ` from ${source}` : device ? ` oif ${device}` : mark === undefined ? '' : ` fwmark ${mark}`
  const payload = encodeRule(rule)
  return {
    id: `rule ${JSON.stringify([family, priority, table, source, device, mark, suppressPrefixLength])}`,
    content: '',
    words: `the IPv${family} rule ${priority}:${selector} lookup ${table}`,
    devices: [],
    put: { type: MessageType.newRule, flags: create | exclusive, payload },
    remove: { type: MessageType.deleteRule, flags: 0, payload },
  }
}

export function entriesOf(entries: Iterable<Entry>): Map<string, Entry> {
  return new Map([...entries].map(entry => [entry.id, entry]))
}

/** All that is ours in the kernel. */
export function ourEntries({ defaultRoutes, rules }: KernelTables): Map<string, Entry> {
  return entriesOf([
    ...defaultRoutes.filter(isOurs).map(route => routeEntry(route.type === 'unicast' ? route : { ...route, hops: [] })),
    ...rules.filter(({ protocol }) => protocol === ourProtocol).map(ruleEntry),
  ])
}

/** Rules of other programs. */
export function foreignRules({ rules }: KernelTables): Entry[] {
  return rules.filter(({ protocol }) => protocol !== ourProtocol).map(ruleEntry)
}
