import { isIP } from '../../builtins.js'
import { type DnsServer, parseDnsServer } from './server-address.js'

/** The servers that a configuration file of dnsmasq names (dnsmasq(8)). */
export interface DnsmasqServers {
  readonly servers: readonly { readonly server: DnsServer; readonly device?: string }[]
  /** Files like resolv.conf(5) that list more servers. */
  readonly resolvFiles: readonly string[]
}

/** `server=192.0.2.53`, `server=192.0.2.53#5353@wan2`, `resolv-file=/run/resolv.conf`. Servers for single domains are left out. */
export function parseDnsmasq(text: string): DnsmasqServers {
  const settings = [...text.matchAll(/^[ \t]*(server|resolv-file)[ \t]*=[ \t]*([^\s#][^\s]*)/gm)]
  const values = (wanted: string) => settings.flatMap(([, key, value]) => (key === wanted ? [value!] : []))
  return { servers: values('server').flatMap(dnsmasqServer), resolvFiles: values('resolv-file') }
}

function dnsmasqServer(value: string) {
  const [target = '', ...via] = value.split('@')
  const [address = '', port = '53'] = target.split('#')
  const server = isIP(address)
    ? parseDnsServer(`${address.includes(':') ? `[${address}]` : address}:${port}`)
    : undefined
  // After the @ comes a device, or a source address, or both.
  const device = via.find(part => !isIP(part.replace(/#.*/, '')))
  return server ? [{ server, device }] : []
}

/** The sections of OpenWrt's resolv.conf.auto: `# Interface wan`, then its servers. */
export function parseOpenWrt(text: string): { name: string; servers: DnsServer[] }[] {
  const sections = [{ name: '', servers: [] as DnsServer[] }]
  for (const line of text.split('\n')) {
    const name = /^# Interface (\S+)/.exec(line)?.[1]
    if (name !== undefined) sections.push({ name, servers: [] })
    const server = parseDnsServer(/^nameserver\s+(\S+)/.exec(line)?.[1] ?? '')
    if (server) sections.at(-1)!.servers.push(server)
  }
  return sections.filter(({ servers }) => servers.length > 0)
}

/**
 * Parses the servers of one variable in systemd's files of a link: `DNS=192.0.2.53 2001:db8::53`. Each may have a port, the
 * index of its device and a name for TLS: `192.0.2.53#dns.example`, `[fe80::1]:53%2`.
 */
export function parseVariable(text: string, name: string): DnsServer[] {
  const list = new RegExp(`^${name}="?([^"\\n]*)`, 'm').exec(text)?.[1] ?? ''
  return list.split(/\s+/).flatMap(entry => systemdServer(entry.replace(/#.*/, '')) ?? [])
}

function systemdServer(text: string): DnsServer | undefined {
  const inBrackets = /^\[(.+)\](:\d+)?(%\w+)?$/.exec(text)
  if (inBrackets) {
    const [, address, port = '', zone = ''] = inBrackets
    return parseDnsServer(`[${address}${zone}]${port}`)
  }
  return parseDnsServer(/^([\d.]+(?::\d+)?)%\w+$/.exec(text)?.[1] ?? text)
}
