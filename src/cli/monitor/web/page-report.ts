import type { MonitorSnapshot, UplinkSnapshot } from '../../../monitor/record/reports.js'

/** What the page shows of an uplink beside what the monitor knows. */
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
  /** A history file is written: ranges of days can be asked for. */
  keepsHistory: boolean
  uplinks: PageUplink[]
}
