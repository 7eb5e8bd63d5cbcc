import { isIP } from '../../builtins.js'
import { errorAt, invalidArgument } from '../../errors.js'
import {
  type CommonOptions,
  checkOptions,
  commonSchema,
  milliseconds,
  oneOf,
  type Schema,
  string,
} from '../../options.js'
import { Deadline } from '../../runtime/deadline.js'
import { parseIP, unmapped } from '../../sockets/ip.js'
import { orderAddresses, resolutionDelay } from './address-order.js'
import { listPatience, literalAddress, localhostAddresses, lookUpHost, queryFamilies } from './addresses.js'
import { toRecord } from './answer.js'
import { notFound, notInTime } from './failures.js'
import { reverseName, wireName } from './names.js'
import { type QueryContext, queryContext, unanswered } from './query-context.js'
import { queryRecords } from './query-records.js'
import {
  type AddressType,
  type DnsRecord,
  type RecordData,
  type RecordType,
  type ResolvedAddress,
  recordTypes,
} from './records.js'
import { dnsServers } from './server-address.js'

export interface ResolveOptions extends CommonOptions {
  /** Addresses of this family only. Default: both, asked for at the same time. */
  family?: 4 | 6
  /**
   * Queries this name and record type (RFC 1035), bypassing hosts file and search list. Default: the
   * addresses as programs look for them.
   */
  type?: RecordType
  /**
   * Name servers: `address`, `address:port` or `[IPv6 address]:port`. Default: those of /etc/resolv.conf; where these run on
   * this machine and there is a `device`, those behind them as systemd-resolved, NetworkManager and OpenWrt list them.
   */
  servers?: readonly string[]
  /**
   * Milliseconds for the whole call. Default: resolv.conf(5)'s `timeout` times its `attempts` (5 s and 2) for each name
   * of the search list.
   */
  timeout?: number
}

export const resolveSchema: Schema = {
  ...commonSchema,
  family: oneOf(4, 6),
  type: oneOf(...recordTypes),
  servers: dnsServers,
  timeout: milliseconds,
}

/**
 * Resolves a name over the path: every packet goes out through `device`, over UDP and TCP alike (RFC 1035, 5452, 6891, 7766).
 * Without `type`: a literal address is its own answer, then /etc/hosts, `localhost` (RFC 6761), and DNS with the search
 * list; reachable addresses first, IPv6 before IPv4 (RFC 6724).
 *
 * With `type: 'PTR'` an address may be given in place of a name. Records are returned as the server has them: names and texts
 * in them may hold any characters.
 *
 * @throws NetviaError `ENOTFOUND` no such name, or no address for it; `ENODATA` no record of the type; `EAI_AGAIN` no server
 * had an answer (SERVFAIL, REFUSED); `ETIMEOUT` no server answered in time; `ECONNREFUSED`, `ENETUNREACH`, … no server could be
 * reached; `ENODEV` no such device, or it was deleted meanwhile; `signal.reason` when aborted.
 */
export async function resolve(
  name: string,
  options?: ResolveOptions & { type?: AddressType },
): Promise<ResolvedAddress[]>
export async function resolve<T extends keyof RecordData>(
  name: string,
  options: ResolveOptions & { type: T },
): Promise<DnsRecord<T>[]>
export async function resolve(name: string, options: ResolveOptions): Promise<ResolvedAddress[] | DnsRecord[]>
export async function resolve(name: string, options: ResolveOptions = {}): Promise<ResolvedAddress[] | DnsRecord[]> {
  string(name, 'resolve: name')
  return resolveWith(name, checkOptions('resolve', options, resolveSchema))
}

/** `resolve` with checked options, and more control over how it asks. */
export async function resolveWith(
  name: string,
  options: ResolveOptions,
  how: Pick<QueryContext, 'onAnswer' | 'patience'> = {},
): Promise<ResolvedAddress[] | DnsRecord[]> {
  const { type, timeout, signal } = options
  const families = familiesOf(options)
  const deadline = new Deadline(timeout, signal, () => unanswered(context) ?? notInTime(name, options.device))
  const context = queryContext(options, deadline.signal, { patience: listPatience, ...how })
  try {
    if (type !== undefined && type !== 'A' && type !== 'AAAA') return await resolveRecords(name, type, context)
    const found: ResolvedAddress[] = []
    const collect = (_family: 4 | 6, addresses: ResolvedAddress[]) => void found.push(...addresses)
    if (type === undefined) await lookUpHost(name, families, context, collect)
    else await askForAddresses(name, families, context, collect)
    // If one family has answered by the deadline, its addresses are the result. The caller's own signal still rejects.
    signal?.throwIfAborted()
    return type === undefined ? orderAddresses(found, context.path) : found
  } finally {
    deadline.end()
  }
}

/** Milliseconds for name resolution in calls whose timeout covers something else. */
export const nameTimeout = 5000

/** The address a program would use. Once one family has answered, it hardly waits for the other. */
export async function resolveFirst(name: string, options: Omit<ResolveOptions, 'type'>): Promise<ResolvedAddress> {
  const [first] = await resolveWith(name, options, { patience: resolutionDelay })
  return first as ResolvedAddress
}

function familiesOf({ family, type }: ResolveOptions): (4 | 6)[] {
  const ofType = ({ A: 4, AAAA: 6 } as Partial<Record<RecordType, 4 | 6>>)[type ?? 'TXT']
  if (family !== undefined && type !== undefined && family !== ofType) {
    throw errorAt('family', invalidArgument('resolve: family', family, `left out with type ${type}`))
  }
  const wanted = family ?? ofType
  return wanted === undefined ? [6, 4] : [wanted]
}

function askForAddresses(
  name: string,
  families: readonly (4 | 6)[],
  context: QueryContext,
  collect: (family: 4 | 6, addresses: ResolvedAddress[]) => void,
): Promise<void> | undefined {
  const known = literalAddress(name, families) ?? localhostAddresses(name, families)
  if (!known) return queryFamilies(queryName(name, context), families, context, collect)
  for (const { address, family } of known) collect(family, [{ address, family, ttl: 0 }])
  return undefined
}

async function resolveRecords(name: string, type: keyof RecordData, context: QueryContext): Promise<DnsRecord[]> {
  const asked = type === 'PTR' && isIP(name) ? reverseName(parseIP(unmapped(name))) : queryName(name, context)
  const records = await queryRecords(asked, type, context)
  return records.map(toRecord)
}

function queryName(name: string, context: QueryContext): string {
  const wire = wireName(name)
  if (wire === undefined) throw notFound(name, context.path.device, 'it is no domain name')
  return wire
}
