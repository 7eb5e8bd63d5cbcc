import type { Target } from '../icmp/result.js'
import { openIcmpProber } from './icmp-prober.js'
import type { TraceSettings } from './options.js'
import type { Prober } from './prober.js'
import { SocketProber } from './socket-prober.js'

export function openProber(target: Target, settings: TraceSettings): Prober {
  return settings.method === 'icmp' ? openIcmpProber(target, settings) : new SocketProber(target, settings)
}
