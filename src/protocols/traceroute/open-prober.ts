import type { Target } from '../icmp/result.js'
import { openIcmpProber } from './icmp-prober.js'
import type { TraceSettings } from './options.js'
import type { Prober } from './prober.js'
import { SocketProber } from './socket-prober.js'

/**
 * `sourcePort`: the port of all its probes. They are then one flow, and only one is in flight at a time. Not with `icmp`.
 */
export function openProber(target: Target, settings: TraceSettings, sourcePort?: number): Prober {
  return settings.method === 'icmp' ? openIcmpProber(target, settings) : new SocketProber(target, settings, sourcePort)
}
