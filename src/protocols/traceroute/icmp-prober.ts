import { acquirePath, prepare } from '../icmp/ping-options.js'
import { Probe } from '../icmp/probe.js'
import type { Target } from '../icmp/result.js'
import type { TraceSettings } from './options.js'
import { ipHeaderLength, type Prober } from './prober.js'

/** Echo requests, on the sockets that all pings of the path share. */
export function openIcmpProber(target: Target, settings: TraceSettings): Prober {
  const { timeout, payloadSize, device, localAddress, mark, tos } = settings
  const options = { payloadSize, device, localAddress, mark, tos }
  const { address, template } = prepare(target, options)
  const path = acquirePath(target.family, options)
  return {
    ready: path.ready,
    hiddenBytes: ipHeaderLength[target.family],
    send(hops, sequence, settled) {
      const probe = new Probe({ settled }, address, template, timeout, 0, hops, sequence)
      path.submit(probe)
      return () => path.cancel(probe)
    },
    close: () => path.release(),
  }
}
