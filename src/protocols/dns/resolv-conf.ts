import type { UnusableServer } from './failures.js'
import { type DnsServer, dnsServersIn, parseDnsServer } from './server-address.js'

/** What resolv.conf(5) says, with its defaults and limits. */
export interface ResolvConf {
  /** In order. The local machine's if the file names none. */
  readonly servers: readonly DnsServer[]
  /** Those that can't be asked. */
  readonly unusable: readonly UnusableServer[]
  /** Behind the resolver of a Docker network, as its comment lists them. */
  readonly external: readonly DnsServer[]
  /** Domains to try short names in. */
  readonly search: readonly string[]
  /** A name with at least this many dots is tried as it is first. */
  readonly ndots: number
  /** Milliseconds. Multiplied by `attempts`, it limits a look-up without a limit of its own. */
  readonly timeout: number
  /** Rounds through the servers. */
  readonly attempts: number
  /** Begin with another server each time. */
  readonly rotate: boolean
  /** TCP from the start. */
  readonly useTcp: boolean
}

/** Maximum number of unusable lines to keep, in case the file is no resolv.conf at all. */
const maxUnusable = 8
const localServers: readonly DnsServer[] = [
  { address: '127.0.0.1', port: 53 },
  { address: '::1', port: 53 },
]

/** Reads the options it knows and skips the rest, as in resolv.conf(5). */
export function parseResolvConf(text: string): ResolvConf {
  const servers: DnsServer[] = []
  const unusable: UnusableServer[] = []
  let external: DnsServer[] = []
  let search: string[] = []
  const options: string[] = []
  for (const line of text.split('\n')) {
    // Only a line's first character makes it a comment; glibc and musl agree in this.
    if (/^[#;]/.test(line)) {
      const list = /^# ExtServers: \[(.*)\]/.exec(line)?.[1]
      if (list !== undefined) external = dnsServersIn(list.replace(/host\(([^)]*)\)/g, '$1'))
      continue
    }
    const [keyword, ...values] = line.trim().split(/\s+/)
    if (keyword === 'nameserver') {
      const [text = ''] = values
      const server = parseDnsServer(text)
      if (server) servers.push(server)
      else if (text && unusable.length < maxUnusable) unusable.push({ text, why: 'is not an address' })
    } else if (keyword === 'search') search = values
    else if (keyword === 'domain') search = values.slice(0, 1)
    else if (keyword === 'options') for (const option of values) options.push(option)
  }
  return {
    servers: servers.length > 0 ? servers : localServers,
    unusable,
    external,
    search: search.map(domain => domain.replace(/\.$/, '').toLowerCase()).filter(domain => domain !== ''),
    ndots: numberOption(options, 'ndots', 0, 15) ?? 1,
    timeout: (numberOption(options, 'timeout', 1, 30) ?? 5) * 1000,
    attempts: numberOption(options, 'attempts', 1, 5) ?? 2,
    rotate: options.includes('rotate'),
    useTcp: options.includes('use-vc'),
  }
}

/** The last one counts. Values outside the limits become the limits. */
function numberOption(options: string[], name: string, min: number, max: number): number | undefined {
  const values = options.flatMap(option => new RegExp(`^${name}:(\\d+)$`).exec(option)?.[1] ?? [])
  return values.length > 0 ? Math.min(max, Math.max(min, Number(values.at(-1)))) : undefined
}
