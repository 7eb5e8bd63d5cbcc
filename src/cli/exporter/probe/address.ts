import { monotonicNow } from '../../../monotonic.js'
import { resolveWith } from '../../../protocols/dns/resolve.js'
import { parseIP } from '../../../sockets/ip.js'
import type { Reaching } from '../config/modules.js'
import type { Probe } from './probe.js'

export interface Chosen {
  address: string
  family: 4 | 6
  /** In seconds. */
  lookupTime: number
}

/** Finds the address of a host in the preferred family, or in the other one if that is allowed. */
export async function chooseAddress(
  host: string,
  { preferred_ip_protocol = 'ip6', ip_protocol_fallback = true }: Omit<Reaching, 'source_ip_address'>,
  probe: Probe,
): Promise<Chosen> {
  const { path, metrics, signal, log } = probe
  const start = monotonicNow()
  const setAddress = (protocol: number, hash: number) => {
    metrics.set('probe_ip_protocol', 'Family of the address that was probed: 4 or 6', protocol)
    metrics.set('probe_ip_addr_hash', 'FNV hash of the address that was probed, to see it change', hash)
  }
  setAddress(0, 0)
  const preferred = preferred_ip_protocol === 'ip4' ? 4 : 6
  const elapsed = () => (monotonicNow() - start) / 1000
  try {
    const family: 4 | 6 | undefined = ip_protocol_fallback ? undefined : preferred
    const found = (await resolveWith(host, Object.assign({ family, signal }, path))) as {
      address: string
      family: 4 | 6
    }[]
    const { address, family: kind } = found.find(item => item.family === preferred) ?? found[0]!
    probe.address = address
    setAddress(kind, addressHash(address))
    log('Resolved the target', { address })
    return { address, family: kind, lookupTime: elapsed() }
  } finally {
    metrics.set('probe_dns_lookup_time_seconds', 'Time that resolving the target took', elapsed())
  }
}

/** FNV-1a over the 4 or 16 bytes of the address. */
export function addressHash(address: string): number {
  return parseIP(address).reduce((hash, byte) => Math.imul(hash ^ byte, 16_777_619) >>> 0, 2_166_136_261)
}
