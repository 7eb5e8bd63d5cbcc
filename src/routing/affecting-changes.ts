import type { DeviceChange } from '../system/netlink/changes.js'
import { mainTable } from '../system/netlink/route.js'
import { ourProtocol } from './kernel-tables.js'

/** Whether a change can affect the routes. `devices` are the uplinks', `tables` netvia's own. Pure. */
export function affectsRouting(
  change: DeviceChange,
  devices: readonly (string | undefined)[],
  tables: readonly number[],
): boolean {
  switch (change.type) {
    case 'link':
      return devices.includes(change.device) || (!!change.previous && devices.includes(change.previous.name))
    case 'address':
      return devices.includes(change.device)
    case 'route': {
      const { destination, table } = change.route
      return destination.endsWith('/0') && (table === mainTable || tables.includes(table))
    }
    case 'rule':
      return change.rule.protocol === ourProtocol
    case 'overrun':
      return true
  }
}
