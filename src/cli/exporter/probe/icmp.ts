import { monotonicNow } from '../../../monotonic.js'
import { ping } from '../../../protocols/icmp/ping.js'
import type { IcmpModule } from '../config/modules.js'
import { chooseAddress } from './address.js'
import { Failed, type Probe } from './probe.js'

/** The payload size of blackbox_exporter. */
const defaultPayloadSize = 28
const defaultHopLimit = 64

export async function probeIcmp(probe: Probe, module: IcmpModule = {}): Promise<void> {
  const { target, metrics, path, signal, until, log } = probe
  const phase = (phase: string, seconds: number) =>
    metrics.add('probe_icmp_duration_seconds', 'Duration of an ICMP request by phase', seconds, { phase })
  for (const name of ['resolve', 'setup', 'rtt']) phase(name, 0)
  const { address, lookupTime } = await chooseAddress(target, module, probe)
  phase('resolve', lookupTime)
  const start = monotonicNow()
  const { payload_size, dont_fragment, source_ip_address, ttl = defaultHopLimit } = module
  const source = source_ip_address === undefined ? path : Object.assign({}, path, { localAddress: source_ip_address })
  const settings = {
    payloadSize: payload_size || defaultPayloadSize,
    dontFragment: dont_fragment,
    ttl: ttl || undefined,
    timeout: Math.max(1, until - start),
    signal,
  }
  const result = await ping(address, Object.assign({}, source, settings))
  log('The echo request ended', { outcome: result.outcome, from: result.from, reason: result.reason })
  if (result.outcome !== 'reply') throw new Failed(result.reason ?? 'no reply came in time')
  phase('rtt', result.rttMs / 1000)
  phase('setup', Math.max(0, monotonicNow() - start - result.rttMs) / 1000)
  if (result.ttl !== undefined) {
    metrics.set('probe_icmp_reply_hop_limit', 'Hop limit (TTL for IPv4) that the reply came with', result.ttl)
  }
}
