import { resolve } from '../../protocols/dns/resolve.js'
import type { PingResult } from '../../protocols/icmp/result.js'
import type { Path } from '../shared/path-options.js'

export interface NameFlags {
  addr?: boolean
  name?: boolean
  rdns?: boolean
}

/** Milliseconds that a name may take: a list of hosts is of use without it. */
const patienceMs = 2000

/** How a host is named in what is printed. Looks up a name only if it was asked for. */
export async function nameOf(
  { addr, name, rdns }: NameFlags,
  { host, address }: PingResult,
  { options }: Path,
  signal: AbortSignal,
): Promise<string> {
  if (addr) return address
  if ((!name && !rdns) || host !== address) return host
  try {
    const [found] = await resolve(address, { ...options, type: 'PTR', timeout: patienceMs, signal })
    return found?.data ?? host
  } catch {
    return host
  }
}
