import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { context, type Host } from './context.js'
import { listening, start, stop } from './processes.js'

const { server } = context

let instances = 0

export interface DnsServerOptions {
  host?: Host
  /** Default: the server's addresses. The router's /etc/resolv.conf names its IPv4 address. Addresses in `lab.crowd` work too. */
  addresses?: string[]
  port?: number
}

/**
 * Runs dnsmasq over UDP and TCP with these records, which are lines of its configuration file (`host-record=name,192.0.2.7`,
 * `txt-record=…`). It is authoritative for `.test`: other names there don't exist. It ends with the test, or by `stop`.
 */
export async function dnsmasq(
  records: string[] = [`host-record=${server.name},${server.address4},${server.address6}`],
  { host = 'internet', addresses = [server.address4, server.address6], port = 53 }: DnsServerOptions = {},
): Promise<{ stop(): Promise<void> }> {
  const file = join(context.folder, `dnsmasq-${process.pid}-${++instances}.conf`)
  const fixed = [
    'keep-in-foreground',
    'no-resolv',
    'no-hosts',
    'user=root',
    'group=root',
    'pid-file',
    'bind-interfaces',
  ]
  const own = ['local=/test/', `port=${port}`, ...addresses.map(address => `listen-address=${address}`)]
  writeFileSync(file, `${[...fixed, 'log-facility=-', ...own, ...records].join('\n')}\n`)
  const child = start(host, 'dnsmasq', `--conf-file=${file}`)
  await listening(child, host, 'udp', [port])
  await listening(child, host, 'tcp', [port])
  return { stop: () => stop(child) }
}
