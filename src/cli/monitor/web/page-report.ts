import type { MonitorSnapshot, UplinkSnapshot } from '../../../monitor/record/event-types.js'

/** An uplink's snapshot with the facts that the page adds. */
export interface PageUplink extends UplinkSnapshot {
  /** Global addresses of its device. */
  addresses: string[]
  /** The gateways of the device's default routes, IPv4 before IPv6. */
  gateways: string[]
}

export interface PageSnapshot extends MonitorSnapshot {
  /** This machine's own name. */
  host: string
  /** The uplink that new connections take under 'failover'; null: none works. */
  inUse: string | null
  /** Whether a history file is written, so that the page can offer ranges of days. */
  keepsHistory: boolean
  uplinks: PageUplink[]
}
