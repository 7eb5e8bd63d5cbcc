import type { LinkHistory } from './link/link-fault.js'
import type { watchLinks } from './link/link-watch.js'
import type { watchTraffic } from './metered/traffic-watch.js'
import type { WatchedUplink } from './watched-uplink.js'

/** Where facts about devices come from. */
export interface DeviceSources {
  watchLinks: typeof watchLinks
  watchTraffic: typeof watchTraffic
}

/**
 * Reports the state of their devices to the uplinks: the links of all, and the traffic of metered ones. Returns a function
 * that ends it.
 */
export function watchDevices(
  uplinks: readonly WatchedUplink[],
  links: ReadonlyMap<string, LinkHistory>,
  { watchLinks, watchTraffic }: DeviceSources,
  failed: (source: 'link' | 'traffic', error: unknown) => void,
): () => void {
  const each = (device: string, work: (watched: WatchedUplink) => void) => {
    for (const watched of uplinks) if (watched.uplink.device === device) work(watched)
  }
  const unwatchLinks = watchLinks(
    links,
    (device, facts) => each(device, watched => watched.link(facts)),
    error => failed('link', error),
  )
  const metered = uplinks.flatMap(({ uplink }) => (uplink.metered ? uplink.device! : []))
  const unwatchTraffic = watchTraffic(
    new Set(metered),
    (device, traffic) => each(device, watched => watched.traffic(traffic)),
    error => failed('traffic', error),
  )
  return () => {
    unwatchLinks()
    unwatchTraffic()
  }
}
