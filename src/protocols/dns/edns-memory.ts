import { monotonicNow } from '../../monotonic.js'
import { type PathOptions, pathKey } from '../../options.js'
import type { DnsServer } from './server-address.js'

/** How long an observation is valid, in milliseconds: servers are repaired, and uplinks change. */
const lifetime = 10 * 60_000
/** The same observation is recorded again after this many milliseconds. */
const renewAfter = 1000
const capacity = 256

/** Entries by path and server, because a middlebox on the path may drop EDNS. The oldest comes first. */
const known = new Map<string, { readonly copes: boolean; readonly until: number }>()

const keyOf = ({ address, port }: DnsServer, path: PathOptions) => `${pathKey(path)}|${address}|${port}`

/** Whether a server copes with EDNS (RFC 6891). Undefined if it wasn't seen lately. */
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
