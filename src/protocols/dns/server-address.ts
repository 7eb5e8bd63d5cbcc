import { isIP, isIPv6 } from '../../builtins.js'
import { invalidArgument, joinHostPort } from '../../errors.js'
import { arrayOf, type Check } from '../../options.js'
import { unmapped } from '../../sockets/ip.js'

/** Where a name server listens. IPv6 zone in the text: `fe80::1%wan2`. */
export interface DnsServer {
  readonly address: string
  readonly port: number
}

const standardPort = 53

/** `1.1.1.1`, `1.1.1.1:5353`, `2606:4700::1111`, `[2606:4700::1111]:5353`. Undefined for anything else. */
export function parseDnsServer(text: string): DnsServer | undefined {
  if (isIP(text)) return { address: unmapped(text), port: standardPort }
  const match = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ?? /^([\d.]+):(\d{1,5})$/.exec(text)
  if (!match) return undefined
  const address = match[1]!
  const port = match[2] === undefined ? standardPort : Number(match[2])
  if (port < 1 || port > 65_535) return undefined
  return (text.startsWith('[') ? isIPv6(address) : isIP(address)) ? { address: unmapped(address), port } : undefined
}

/** All that a list with white space between has. */
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
