import type { UnusableServer } from './failures.js'
import { type DnsServer, dnsServersIn, parseDnsServer } from './server-address.js'

/** The contents of resolv.conf(5), with defaults and limits applied. */
export interface ResolvConf {
  /** Servers in order. This machine's own if the file names none. */
  readonly servers: readonly DnsServer[]
  /** Servers that can't be asked. */
  readonly unusable: readonly UnusableServer[]
  /** Servers behind the resolver of a Docker network, as its comment lists them. */
  readonly external: readonly DnsServer[]
  /** Domains in which short names are looked up. */
  readonly search: readonly string[]
  /** A name with at least this many dots is first looked up unchanged. */
  readonly ndots: number
  /** Milliseconds. Multiplied by `attempts`, it limits a look-up without a limit of its own. */
  readonly timeout: number
  /** Rounds through the servers. */
  readonly attempts: number
  /** Start with another server each time. */
  readonly rotate: boolean
  /** Use TCP from the start. */
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
    // Only the first character of a line makes it a comment. glibc and musl agree on this.
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
