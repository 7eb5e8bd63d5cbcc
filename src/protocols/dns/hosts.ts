import { isIP, isIPv4 } from '../../builtins.js'
import { unmapped } from '../../sockets/ip.js'

export interface HostAddress {
  readonly address: string
  readonly family: 4 | 6
}

/** The names of hosts(5) in lower case, each with its addresses in the file's order. */
export type Hosts = ReadonlyMap<string, readonly HostAddress[]>

export function parseHosts(text: string): Hosts {
  const hosts = new Map<string, HostAddress[]>()
  const seen = new Set<string>()
  for (const line of text.split('\n')) {
    const [listed = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (!isIP(listed)) continue
    const address = unmapped(listed)
    for (const name of names.map(canonicalName)) {
      if (seen.has(`${name} ${address}`)) continue
      seen.add(`${name} ${address}`)
      const entry: HostAddress = { address, family: isIPv4(address) ? 4 : 6 }
      const known = hosts.get(name)
      if (known) known.push(entry)
      else hosts.set(name, [entry])
    }
  }
  return hosts
}

/** Names compare without case and without the final dot (RFC 4343). */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
