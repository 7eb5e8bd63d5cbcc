/** The default route in force of one family. */
export interface DefaultRouteSnapshot {
  /** Names of the uplinks it leads to. Empty: none, so the main table decides, unless it is `unreachable`. */
  readonly uplinks: readonly string[]
  /** All uplinks are down, and packets are refused. */
  readonly unreachable: boolean
}

/** One uplink as `UplinkRouting` sees it. */
export interface RoutedUplinkSnapshot {
  /** As in the monitor's options. */
  readonly name: string
  /** Its device. */
  readonly device: string
  /** Number of its routing table. */
  readonly table: number
  /** Gateway of its IPv4 default route in the main table; undefined: it has no such route, or one without gateway. */
  readonly gateway4?: string
  /** The same of IPv6. */
  readonly gateway6?: string
  /** Its addresses. Packets that have one of them as their source go out through this uplink. */
  readonly addresses: readonly string[]
}

/** What `UplinkRouting.snapshot()` returns, as plain JSON. */
export interface RoutingSnapshot {
  /** Between `start()` and `stop()`. */
  readonly running: boolean
  /** Undefined where IPv4 is switched off. */
  readonly ipv4?: DefaultRouteSnapshot
  /** Undefined where IPv6 is switched off, or the kernel has none. */
  readonly ipv6?: DefaultRouteSnapshot
  /** Each uplink of the monitor that has a device. */
  readonly uplinks: readonly RoutedUplinkSnapshot[]
}

/** Another default route is in force. */
export interface RoutingChange {
  /** 4 or 6. */
  readonly family: 4 | 6
  /** Names of the uplinks it led to. */
  readonly from: readonly string[]
  /** Names of the uplinks it leads to now. */
  readonly to: readonly string[]
  /** When, in milliseconds since 1970. */
  readonly at: number
}

/** Something that does not end an `UplinkRouting`, but that you should know. */
export interface RoutingWarning {
  /**
   * 'interference': another program changed what is ours. 'kernel': it refused a change. 'conntrack': connections could not be
   * deleted. 'configuration': something does not work as you may expect.
   */
  readonly source: 'interference' | 'kernel' | 'conntrack' | 'configuration'
  /** In words. */
  readonly message: string
  /** The error behind it, if there is one. */
  readonly error?: unknown
  /** When, in milliseconds since 1970. */
  readonly at: number
}

/** The events of an `UplinkRouting`, and what comes with each. */
export interface RoutingEvents {
  /** Another default route is in force. */
  change: [RoutingChange]
  /** Something that you should know. */
  warning: [RoutingWarning]
}
