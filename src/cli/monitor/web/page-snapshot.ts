import { hostname } from 'node:os'
import { preferredUsable } from '../../../group/policies.js'
import { type UplinkMonitor, watchedUplinks } from '../../../monitor/monitor.js'
import { monotonicNow } from '../../../monotonic.js'
import type { Device } from '../../../system/devices/device.js'
import { devices } from '../../../system/devices/devices.js'
import type { PageSnapshot } from './page-report.js'

/** In ms: how old addresses and gateways may be. */
const lifetime = 5000

/** Makes snapshots. It reads the kernel's addresses and routes only for requests. */
export class PageSnapshots {
  readonly #monitor: UplinkMonitor
  readonly #keepsHistory: () => boolean
  #devices = new Map<string, Device>()
  #readAt = Number.NEGATIVE_INFINITY

  constructor(monitor: UplinkMonitor, keepsHistory: () => boolean) {
    this.#monitor = monitor
    this.#keepsHistory = keepsHistory
    this.#readDevices()
  }

  make(): PageSnapshot {
    if (monotonicNow() - this.#readAt > lifetime) this.#readDevices()
    const { uplinks, ...rest } = this.#monitor.snapshot()
    return {
      ...rest,
      host: hostname(),
      inUse: inUse(this.#monitor),
      keepsHistory: this.#keepsHistory(),
      uplinks: uplinks.map(uplink => ({ ...uplink, ...this.#linkOf(uplink.device) })),
    }
  }

  #linkOf(name: string | null) {
    const device = this.#devices.get(name ?? '')
    const addresses = device?.addresses.filter(({ scope, tentative }) => scope === 'global' && !tentative) ?? []
    return {
      addresses: addresses.map(({ address }) => address),
      gateways: [device?.gateway4, device?.gateway6].filter(gateway => gateway !== undefined),
    }
  }

  #readDevices(): void {
    this.#readAt = monotonicNow()
    devices().then(
      all => {
        this.#devices = new Map(all.map(device => [device.name, device]))
      },
      // If netlink is refused, the monitor has already warned.
      () => this.#devices.clear(),
    )
  }
}

/** The uplink that new connections take under 'failover'; null: none works. */
export function inUse(monitor: UplinkMonitor): string | null {
  return preferredUsable(watchedUplinks(monitor))?.uplink.name ?? null
}
