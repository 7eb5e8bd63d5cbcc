import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { addon } from '../../binding/addon.js'
import { isThisMachine } from '../../system/reach.js'
import { parseDnsmasq, parseOpenWrt, parseVariable } from './forwarder-files.js'
import { parseResolvConf, type ResolvConf } from './resolv-conf.js'
import type { DnsServer } from './server-address.js'
import { ParsedFile } from './system-files.js'

/** The name servers behind the resolver of this machine. */
export interface Upstreams {
  /** Servers that belong to the device. */
  readonly ofDevice: readonly DnsServer[]
  /** Servers of the whole machine. */
  readonly others: readonly DnsServer[]
}

const root = 0

const listed = (path: string, owner?: number) => new ParsedFile(path, text => parseResolvConf(text).servers, owner)
/** Only root can write to /run, and only systemd-resolved's own user to its folder there. */
const resolved = listed('/run/systemd/resolve/resolv.conf')
const networkManager = listed('/run/NetworkManager/no-stub-resolv.conf')
/** Debian's resolvconf. */
const resolvconf = listed('/run/dnsmasq/resolv.conf')
/** Anybody can write to /tmp. */
const openWrt = new ParsedFile('/tmp/resolv.conf.d/resolv.conf.auto', parseOpenWrt, root)
const dnsmasqFile = new ParsedFile('/etc/dnsmasq.conf', parseDnsmasq)
/** The second folder is OpenWrt's, below /tmp. */
const dnsmasqFolders = ['/etc/dnsmasq.d', '/var/etc']

/** Files in order of reliability. The first one that lists a server on another machine counts. */
export function serversBehind(conf: ResolvConf, device: string): Upstreams {
  const interfaces = openWrt.read()
  const dnsmasq = dnsmasqFiles().flatMap(file => file.read())
  const ofDevice = [
    ...linkServers(device),
    ...dnsmasq.flatMap(({ servers }) => servers).flatMap(one => (one.device === device ? one.server : [])),
    ...interfaces.flatMap(one => (belongsTo(one.name, device) ? one.servers : [])),
  ]
  const lists = [
    resolved.read(),
    networkManager.read(),
    dnsmasq.flatMap(({ servers }) => servers).flatMap(one => (one.device === undefined ? one.server : [])),
    ...dnsmasq.flatMap(({ resolvFiles }) => resolvFiles).map(path => listed(path, root).read()),
    resolvconf.read(),
    interfaces.flatMap(({ servers }) => servers),
    conf.external,
  ]
  const elsewhere = lists.map(list => list.filter(({ address }) => !isThisMachine(address)))
  return { ofDevice, others: elsewhere.find(list => list.length > 0) ?? [] }
}

/** The servers of systemd-resolved and systemd-networkd for the link. */
function linkServers(device: string): DnsServer[] {
  const index = addon().deviceIndex(device)
  if (index < 0) return []
  return [
    ...new ParsedFile(`/run/systemd/resolve/netif/${index}`, text => parseVariable(text, 'SERVERS')).read(),
    ...new ParsedFile(`/run/systemd/netif/links/${index}`, text => parseVariable(text, 'DNS')).read(),
  ]
}

function dnsmasqFiles() {
  const inFolders = dnsmasqFolders.flatMap(folder => {
    return namesIn(folder)
      .filter(name => folder === '/etc/dnsmasq.d' || name.startsWith('dnsmasq.conf'))
      .map(name => new ParsedFile(join(folder, name), parseDnsmasq, root))
  })
  return [dnsmasqFile, ...inFolders]
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

/** OpenWrt names its interfaces `wan`, `wan6`. The device has that name, or a name that ends with it: `pppoe-wan`. */
function belongsTo(name: string, device: string): boolean {
  const plain = name.replace(/_?6$/, '')
  return [name, plain].some(one => device === one || device.endsWith(`-${one}`))
}
