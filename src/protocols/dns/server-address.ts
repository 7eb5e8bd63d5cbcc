import { isIP } from '../../builtins.js'
import { invalidArgument, joinHostPort } from '../../errors.js'
import { parseHostPort } from '../../host-port.js'
import { arrayOf, type Check } from '../../options.js'
import { unmapped } from '../../sockets/ip.js'

/** Address and port of a name server. The text of an IPv6 address includes its zone: `fe80::1%wan2`. */
export interface DnsServer {
  readonly address: string
  readonly port: number
}

const standardPort = 53

/** `1.1.1.1`, `1.1.1.1:5353`, `2606:4700::1111`, `[2606:4700::1111]:5353`. Undefined for anything else. */
export function parseDnsServer(text: string): DnsServer | undefined {
  const { host, port = standardPort } = parseHostPort(text) ?? {}
  return host !== undefined && isIP(host) && port > 0 ? { address: unmapped(host), port } : undefined
}

/** Parses a list separated by white space. */
export function dnsServersIn(list: string): DnsServer[] {
  return list.split(/\s+/).flatMap(text => parseDnsServer(text) ?? [])
}

export function formatDnsServer({ address, port }: DnsServer): string {
  return port === standardPort ? address : joinHostPort(address, port)
}

/** For option schemas. An empty list doesn't mean the system's servers. */
export const dnsServers: Check = (value, name) => {
  if (!Array.isArray(value) || value.length === 0)
    throw invalidArgument(name, value, 'an array of at least one name server')
  return arrayOf(dnsServer)(value, name)
}

export const dnsServer: Check = (value, name) => {
  if (typeof value === 'string' && parseDnsServer(value)) return value
  throw invalidArgument(name, value, 'a name server as "address", "address:port" or "[IPv6 address]:port"')
}
