import { monotonicNow } from '../../monotonic.js'
import { type PathOptions, pathKey } from '../../options.js'
import type { DnsServer } from './server-address.js'

/** How long it is believed, in milliseconds: servers are repaired, and uplinks change. */
const lifetime = 10 * 60_000
/** What an answer says again is written down again after so many milliseconds. */
const renewAfter = 1000
const capacity = 256

/** By path and server: on the path there may be what drops it. The oldest comes first. */
const known = new Map<string, { readonly copes: boolean; readonly until: number }>()

const keyOf = ({ address, port }: DnsServer, path: PathOptions) => `${pathKey(path)}|${address}|${port}`

/** Whether a server was seen to cope with EDNS (RFC 6891); undefined: not lately. */
export function copesWithEdns(server: DnsServer, path: PathOptions): boolean | undefined {
  const entry = known.get(keyOf(server, path))
  return entry && entry.until > monotonicNow() ? entry.copes : undefined
}

export function rememberEdns(server: DnsServer, path: PathOptions, copes: boolean): void {
  const key = keyOf(server, path)
  const until = monotonicNow() + lifetime
  const entry = known.get(key)
  if (entry?.copes === copes && until - entry.until < renewAfter) return
  known.delete(key)
  if (known.size >= capacity) known.delete(known.keys().next().value!)
  known.set(key, { copes, until })
}
