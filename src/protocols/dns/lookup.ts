import type { LookupAddress, LookupOptions } from 'node:dns'
import { networkInterfaces } from 'node:os'
import { isIP, nodeDns } from '../../builtins.js'
import { invalidArgument } from '../../errors.js'
import { type CommonOptions, checkOptions, commonSchema, milliseconds, type Schema } from '../../options.js'
import { resolutionDelay } from './address-order.js'
import type { ResolvedAddress } from './records.js'
import { resolveWith } from './resolve.js'
import { dnsServers } from './server-address.js'

export interface CreateLookupOptions extends CommonOptions {
  /** Name servers, as in `resolve`. Default: those of /etc/resolv.conf. */
  servers?: readonly string[]
  /** Milliseconds for one look-up, as in `resolve`. */
  timeout?: number
}

type Callback = (error: Error | null, address?: string | LookupAddress[] | null, family?: number) => void
type Options = LookupOptions & { order?: 'ipv4first' | 'ipv6first' | 'verbatim' }

/** The type of Node's `dns.lookup`. Use it wherever there is a `lookup` option (net, http, tls, dgram, undici, …). */
export interface LookupFunction {
  (hostname: string, options: LookupOptions & { all: true }, callback: AllCallback): void
  (hostname: string, options: LookupOptions, callback: OneOrAllCallback): void
  (hostname: string, family: number, callback: OneCallback): void
  (hostname: string, callback: OneCallback): void
}

type AllCallback = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void
type OneCallback = (error: NodeJS.ErrnoException | null, address: string, family: number) => void
type OneOrAllCallback = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void

const schema: Schema = { ...commonSchema, servers: dnsServers, timeout: milliseconds }

/**
 * A `dns.lookup` that uses the path. It supports `all`, `family`, `hints` (`ADDRCONFIG`, `V4MAPPED`, `ALL`), `verbatim` and
 * `order`. Without an order, addresses have the order of `resolve`. The callback receives the errors of `resolve`. The
 * path's `signal` ends every look-up.
 */
export function createLookup(given: CreateLookupOptions = {}): LookupFunction {
  const path = checkOptions('createLookup', given, schema)
  return function lookup(hostname: string, optionsOrCallback: unknown, given?: unknown): void {
    const callback = (given ?? optionsOrCallback) as Callback
    if (typeof callback !== 'function') throw invalidArgument('lookup: callback', callback, 'a function')
    const options = (typeof optionsOrCallback === 'object' ? (optionsOrCallback ?? {}) : {}) as Options
    const family = familyNumber(typeof optionsOrCallback === 'number' ? optionsOrCallback : options.family)
    const { all = false, hints = 0, order, verbatim } = options
    if (!hostname) {
      process.nextTick(all ? () => callback(null, []) : () => callback(null, null, family === 6 ? 6 : 4))
      return
    }
    lookUp(path, hostname, family, hints).then(
      found => {
        const addresses = inOrder(found, { order, verbatim })
        // Outside the promise, because the promise must not catch what the callback throws.
        process.nextTick(() => {
          if (all) callback(null, addresses)
          else callback(null, addresses[0]!.address, addresses[0]!.family)
        })
      },
      error => process.nextTick(callback, error),
    )
  } as LookupFunction
}

async function lookUp(
  path: CreateLookupOptions,
  name: string,
  family: 0 | 4 | 6,
  hints: number,
): Promise<LookupAddress[]> {
  const { ADDRCONFIG, ALL, V4MAPPED } = nodeDns()
  const mapped = family === 6 && (hints & V4MAPPED) !== 0
  // Node returns a literal address unchanged, whatever family is asked for.
  const literal = isIP(name) !== 0
  const wanted = mapped || literal ? undefined : family || (hints & ADDRCONFIG ? configuredFamily() : undefined)
  const found = (await resolveWith(
    name,
    { ...path, family: wanted },
    { patience: resolutionDelay },
  )) as ResolvedAddress[]
  const addresses = found.map(({ address, family }) => ({ address, family }))
  if (!mapped || literal) return addresses
  const v6 = addresses.filter(({ family }) => family === 6)
  const v4 = addresses
    .filter(({ family }) => family === 4)
    .map(({ address }) => ({ address: `::ffff:${address}`, family: 6 }))
  if (v6.length === 0) return v4
  return hints & ALL ? [...v6, ...v4] : v6
}

function familyNumber(family: unknown): 0 | 4 | 6 {
  if (family === undefined || family === null || family === 0) return 0
  if (family === 4 || family === 'IPv4') return 4
  if (family === 6 || family === 'IPv6') return 6
  throw invalidArgument('lookup: family', family, '0, 4, 6, "IPv4" or "IPv6"')
}

/** The one family this machine has addresses of besides loopback; undefined for both or none. */
function configuredFamily(): 4 | 6 | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap(items => items ?? [])
  const families = new Set(addresses.filter(({ internal }) => !internal).map(({ family }) => family))
  if (families.size !== 1) return undefined
  return families.has('IPv4') ? 4 : 6
}

function inOrder(addresses: LookupAddress[], { order, verbatim }: Options): LookupAddress[] {
  const first = order === 'ipv4first' || (order === undefined && verbatim === false) ? 4 : order === 'ipv6first' ? 6 : 0
  return first === 0 ? addresses : addresses.toSorted((a, b) => Number(b.family === first) - Number(a.family === first))
}
