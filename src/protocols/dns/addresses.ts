import { isIP } from '../../builtins.js'
import { NetviaError } from '../../errors.js'
import { Cancel, type Signal } from '../../runtime/cancel.js'
import { noLongerNeeded } from '../../runtime/deadline.js'
import { familyOf } from '../../sockets/address.js'
import { isNumericHost, unmapped } from '../../sockets/ip.js'
import { obstaclesTo } from './address-order.js'
import { notFound } from './failures.js'
import { canonicalName } from './hosts.js'
import { isLocalhost, searchNames, wireName } from './names.js'
import type { QueryContext } from './query-context.js'
import { queryRecords } from './query-records.js'
import type { AddressType, ResolvedAddress } from './records.js'
import { hostsFile, recently } from './system-files.js'

type Family = 4 | 6

/** Called once for each family when its addresses are known, with an empty list if it has none. */
export type OnAddresses = (family: Family, addresses: ResolvedAddress[]) => void

/** Milliseconds that a list of both families' addresses waits for the second family. One lost datagram does not cut it short. */
export const listPatience = 2000

const loopback = { 4: '127.0.0.1', 6: '::1' } as const
const addressType: Record<Family, AddressType> = { 4: 'A', 6: 'AAAA' }

/**
 * Finds the addresses of a host as programs look for them: a literal address, the hosts file, localhost (RFC 6761), then
 * DNS with the search list, both families at the same time. Ends after the last address. Rejects if there is none.
 */
export async function lookUpHost(
  host: string,
  families: readonly Family[],
  context: QueryContext,
  onAddresses: OnAddresses,
): Promise<void> {
  const tellAll = (addresses: readonly { address: string; family: Family }[]) => {
    for (const family of families) {
      onAddresses(
        family,
        addresses.filter(item => item.family === family).map(({ address }) => ({ address, family, ttl: 0 })),
      )
    }
  }
  const known = literalAddress(host, families) ?? listedAddresses(host, families) ?? localhostAddresses(host, families)
  if (known) return tellAll(known)
  const fault = whyNoName(host)
  if (fault) throw notFound(host, context.path.device, fault)
  const name = wireName(host)
  if (name === undefined || isIP(name)) {
    throw notFound(host, context.path.device, 'a name has labels of 1-63 bytes and 253 bytes in all')
  }
  const candidates = searchNames(host, name, context.conf)
  let failure: unknown
  for (const candidate of candidates) {
    try {
      return await queryFamilies(candidate, families, context, onAddresses)
    } catch (error) {
      const code = error instanceof NetviaError ? error.code : undefined
      // A server's failure may concern this domain alone. It is the result if no other domain has the name.
      if (context.signal?.aborted || !(code === 'ENOTFOUND' || code === 'ENODATA' || code === 'EAI_AGAIN')) throw error
      if (code === 'EAI_AGAIN') failure ??= error
    }
  }
  throw failure ?? notFound(host, context.path.device)
}

/** Texts that aren't host names, so that no name server is asked: their form, and what to write instead. */
function whyNoName(host: string): string | undefined {
  if (isNumericHost(host)) return 'it is neither a name nor one IPv4 address, which has four numbers of 0-255'
  return notNames.find(([pattern]) => pattern.test(host))?.[1]
}

const notNames: readonly (readonly [RegExp, string])[] = [
  [/^[a-z][a-z\d+.-]*:\/\//i, 'it is a URL: give its host alone'],
  [/\//, 'it is no single host: blocks of addresses are for a sweep'],
  [/^\[[^\]]*\]$/, 'an IPv6 address has no brackets here'],
  [/^([^:]+|\[[^\]]*\]):\d+$/, 'it ends with a port: give the host alone'],
  [/:/, 'it is neither an IPv6 address nor a name'],
  [/[\s\0]/, 'a name has no white space'],
]

/** Looks up one name, both families at the same time. Rejects if neither has an address. */
export function queryFamilies(
  name: string,
  families: readonly Family[],
  context: QueryContext,
  onAddresses: OnAddresses,
): Promise<void> {
  const [first, second] = families
  if (second !== undefined) return queryBoth(name, families, context, onAddresses)
  return queryAddresses(name, first!, context).then(addresses => onAddresses(first!, addresses))
}

function queryAddresses(
  name: string,
  family: Family,
  context: QueryContext,
  signal?: Signal,
): Promise<ResolvedAddress[]> {
  return queryRecords(name, addressType[family], context, signal).then(records =>
    records.map(({ data, ttl }) => ({ address: String(data), family, ttl })),
  )
}

async function queryBoth(
  name: string,
  families: readonly Family[],
  context: QueryContext,
  onAddresses: OnAddresses,
): Promise<void> {
  const empty: Family[] = []
  const reasons: unknown[] = []
  const waiting = new Cancel()
  const onAbort = () => waiting.abort(context.signal!.reason)
  let patience: NodeJS.Timeout | undefined
  let found = false
  context.signal?.throwIfAborted()
  context.signal?.addEventListener('abort', onAbort)
  await Promise.all(
    families.map(async family => {
      try {
        const addresses = await queryAddresses(name, family, context, waiting)
        found = true
        const ms = patienceWith(addresses, context)
        if (ms !== undefined) patience ??= setTimeout(() => waiting.abort(noLongerNeeded), ms)
        onAddresses(family, addresses)
        for (const other of empty.splice(0)) onAddresses(other, [])
      } catch (reason) {
        reasons.push(reason)
        if (found) onAddresses(family, [])
        else empty.push(family)
      }
    }),
  )
  clearTimeout(patience)
  context.signal?.removeEventListener('abort', onAbort)
  if (found) return
  context.signal?.throwIfAborted()
  const withCode = (wanted: (code: string | undefined) => boolean) =>
    reasons.find(reason => wanted(reason instanceof NetviaError ? reason.code : undefined))
  // "No such name" holds for both families; "no such record" only for its own.
  throw withCode(code => code === 'ENOTFOUND') ?? withCode(code => code !== 'ENODATA') ?? reasons[0]
}

/** How long one family's addresses wait for the other's; undefined for the rest of the question, as without a route to them. */
function patienceWith(addresses: readonly ResolvedAddress[], { patience, path }: QueryContext): number | undefined {
  if (patience === undefined) return undefined
  const obstacles = Math.min(...addresses.map(({ address }) => obstaclesTo(address, path)))
  if (obstacles === 2) return undefined
  return obstacles === 0 ? patience : listPatience
}

/** Undefined: not a literal address. */
export function literalAddress(host: string, families: readonly Family[]) {
  if (!isIP(host)) return undefined
  const address = unmapped(host)
  const family = familyOf(address)
  if (families.includes(family)) return [{ address, family }]
  throw new NetviaError(`${host} is not an IPv${families[0]} address`, { code: 'ERR_ADDRESS_FAMILY', address: host })
}

/** Undefined: not a name that RFC 6761 keeps on the machine. */
export function localhostAddresses(host: string, families: readonly Family[]) {
  return isLocalhost(canonicalName(host)) ? families.map(family => ({ address: loopback[family], family })) : undefined
}

/** Undefined: the hosts file knows no such name with an address of these families. */
function listedAddresses(host: string, families: readonly Family[]) {
  const hosts = recently('hosts', () => hostsFile.read())
  const listed = (hosts.get(canonicalName(host)) ?? []).filter(({ family }) => families.includes(family))
  return listed.length > 0 ? listed : undefined
}
