import { acquirePath, prepare } from '../icmp/ping-options.js'
import { EchoRequest, type Verdict } from '../icmp/probe/echo-request.js'
import type { Target } from '../icmp/result.js'
import type { TraceSettings } from './options.js'
import { ipHeaderLength, type Prober } from './prober.js'

/** Sends echo requests on the sockets that all pings of the path share. */
export function openIcmpProber(target: Target, settings: TraceSettings): Prober {
  const { payloadSize, device, localAddress, mark, tos } = settings
  const options = { payloadSize, device, localAddress, mark, tos }
  const { address, template } = prepare(target, options)
  const path = acquirePath(target.family, options)
  return {
    ready: path.ready,
    hiddenBytes: ipHeaderLength[target.family],
    send(hops, sequence, settled, timeout = settings.timeout) {
      const owner = { settled: (verdict: Verdict) => settled({ ...verdict }) }
      const request = new EchoRequest(owner, template, timeout, { hops })
      path.submit(request, address, sequence)
      return () => path.cancel(request)
    },
    close: () => path.release(),
  }
}
