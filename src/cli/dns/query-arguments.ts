import { joinHostPort } from '../../errors.js'
import { parseHostPort } from '../../host-port.js'
import { type RecordType, recordTypes } from '../../protocols/dns/records.js'
import { usageError } from '../shared/arguments.js'

/** The arguments of the command line, as dig reads them. */
export interface QueryArguments {
  names: string[]
  types: RecordType[]
  servers: string[]
  /** `+short`: only the data of the records. */
  short: boolean
}

/** Types that people ask dig for. A host of such a name can be asked for with -t, or with a dot at its end. */
const otherTypes = new Set([
  ...['ANY', 'AXFR', 'IXFR', 'CDNSKEY', 'CDS', 'CERT', 'CSYNC', 'DNAME', 'HINFO', 'KEY', 'LOC', 'NSEC'],
  ...['NSEC3', 'NSEC3PARAM', 'OPENPGPKEY', 'RP', 'RRSIG', 'SIG', 'SMIMEA', 'SPF', 'URI', 'ZONEMD'],
])
const otherClasses = new Set(['CH', 'HS', 'CHAOS', 'HESIOD'])

/** Replacements for dig's own options. The others have no equivalent here. */
const digOptions: Readonly<Record<string, string>> = {
  ...{ time: 'use -W', timeout: 'use -W', tries: 'use -W', retry: 'use -W' },
  ...{ tcp: 'netvia uses TCP when an answer is truncated', vc: 'netvia uses TCP when an answer is truncated' },
  ...{ answer: 'use +short', noall: 'use +short', nocmd: 'use +short', nocomments: 'use +short' },
  ...{ nostats: 'use +short', noquestion: 'use +short', json: 'use --json' },
}

export function queryArguments(
  given: readonly string[],
  known: RecordType | undefined,
  port: number | undefined,
): QueryArguments {
  const query: QueryArguments = { names: [], types: known ? [known] : [], servers: [], short: false }
  for (const word of given) {
    const upper = word.toUpperCase()
    const type = known ? undefined : recordTypes.find(name => name === upper)
    if (word.startsWith('@')) query.servers.push(serverOf(word.slice(1), port))
    else if (word.startsWith('+')) query.short = isShort(word)
    else if (type) query.types.push(type)
    else if (!known && otherTypes.has(upper)) throw usageError(refusedType(upper))
    else if (!known && otherClasses.has(upper))
      throw usageError(`dns: class ${upper} is not available; netvia asks in IN`)
    else if (known || upper !== 'IN') query.names.push(word)
  }
  if (port !== undefined && query.servers.length === 0) throw usageError('dns: -p needs a server, as @192.0.2.53')
  return query
}

function serverOf(server: string, port: number | undefined): string {
  const parsed = parseHostPort(server)
  return !parsed || port === undefined || parsed.port !== undefined ? server : joinHostPort(parsed.host, port)
}

function isShort(word: string): boolean {
  if (word === '+short') return true
  if (word === '+noshort') return false
  const name = word.slice(1).replace(/=.*/, '')
  throw usageError(`dns: ${word} of dig is not available; ${digOptions[name] ?? 'only +short is'}`)
}

function refusedType(type: string): string {
  const known = `one of ${recordTypes.join(', ')}`
  // RFC 8482: most servers answer ANY with one record, or with none.
  const instead = type === 'ANY' ? `name the type you want, ${known}` : `netvia reads ${known}`
  return `dns: type ${type} is not available; ${instead}`
}
