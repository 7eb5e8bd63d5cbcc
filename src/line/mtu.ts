import { nameTimeout, type ResolveOptions, resolveFirst } from '../protocols/dns/resolve.js'
import { pathMtu } from '../protocols/path-mtu/path-mtu.js'

/** The largest packet that a line carries to a host. */
export interface LineMtu {
  /** Bytes of the whole IP packet; undefined if it is unknown. */
  readonly mtu: number | undefined
  /** What determined it, or why it is unknown. */
  readonly evidence: string
}

export async function measureMtu(host: string, given: Omit<ResolveOptions, 'type'>): Promise<LineMtu> {
  const { servers, ...options } = given
  const { address: target } = await resolveFirst(host, { ...given, timeout: nameTimeout })
  const found = await pathMtu(target, options)
  const { mtu, method, limitedBy = 'a router', address } = found
  const words = {
    device: `the device's own limit reaches ${address}`,
    'too-big': `${limitedBy} reported the limit`,
    search: `larger packets to ${address} vanish without an error`,
    none: found.reason ?? '',
  }
  return { mtu, evidence: words[method] }
}
