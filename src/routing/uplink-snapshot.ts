import type { RoutedUplinkSnapshot } from './event-types.js'
import type { UplinkFacts } from './kernel-tables.js'

/** Pure. */
export function uplinkSnapshot({ name, device, table, addresses, ...ways }: UplinkFacts): RoutedUplinkSnapshot {
  return {
    ...{ name, device, table },
    gateway4: ways[4]?.hop.gateway,
    gateway6: ways[6]?.hop.gateway,
    addresses: addresses.map(({ address }) => address),
  }
}
