import { isIP, isIPv4 } from '../../builtins.js'
import { unmapped } from '../../sockets/ip.js'

export interface HostAddress {
  readonly address: string
  readonly family: 4 | 6
}

/** The names of hosts(5) in lower case, each with its addresses in the file's order. */
export type Hosts = ReadonlyMap<string, readonly HostAddress[]>

/** At the beginning of a line: an address, and the rest up to a comment. */
const entryLine = /(?<![^\n])[^\S\n]*([^\s#]+)[^\S\n]+([^\s#][^#\n]*)/g

/** Lists that block advertisements have 100,000 lines, most with the same address: names share its list while they have no other. */
export function parseHosts(text: string): Hosts {
  const hosts = new Map<string, readonly HostAddress[]>()
  const lists = new Map<string, readonly HostAddress[]>()
  const several = new Map<string, Map<string, HostAddress>>()
  for (const [, listed, names] of text.matchAll(entryLine)) {
    const list = lists.get(listed!) ?? listOf(listed!)
    lists.set(listed!, list)
    const [entry] = list
    if (!entry) continue
    for (const name of names!.trimEnd().split(/\s+/).map(canonicalName)) {
      const known = hosts.get(name)
      if (!known) hosts.set(name, list)
      else if (known !== list) {
        const all = several.get(name) ?? new Map(known.map(first => [first.address, first]))
        several.set(name, all.set(entry.address, entry))
      }
    }
  }
  for (const [name, all] of several) hosts.set(name, [...all.values()])
  return hosts
}

function listOf(text: string): readonly HostAddress[] {
  if (!isIP(text)) return []
  const address = unmapped(text)
  return [{ address, family: isIPv4(address) ? 4 : 6 }]
}

/** Names compare without case and without the final dot (RFC 4343). */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
