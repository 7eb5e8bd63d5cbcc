import { getSystemErrorName } from 'node:util'
import { addon } from '../../binding/addon.js'
import { encodeAddress } from '../../sockets/address.js'
import { openDescriptor } from '../../sockets/open.js'
import { isThisMachine } from '../../system/reach.js'
import type { UnusableServer } from './failures.js'
import type { ResolvConf } from './resolv-conf.js'
import { type DnsServer, formatDnsServer, parseDnsServer } from './server-address.js'
import { recently, resolvConf } from './system-files.js'
import { serversBehind, type Upstreams } from './upstreams.js'

/** Maximum number of servers, as in the C library (resolv.conf(5)). */
const maxServers = 3

interface ServerOptions {
  servers?: readonly string[]
  device?: string
}

/** Returns the configuration for a path, at most a tenth of a second old. */
export function resolverConf({ servers, device }: ServerOptions): ResolvConf {
  return recently(`servers ${device}|${servers}`, () => readConf({ servers, device }))
}

/**
 * Reads resolv.conf(5), puts the caller's servers in place of its own if there are any, and keeps those that the path can
 * reach.
 */
function readConf({ servers, device }: ServerOptions): ResolvConf {
  const conf = readable()
  const bound = device === 'lo' ? undefined : device
  if (servers) {
    const given = { ...conf, servers: servers.map(text => parseDnsServer(text)!), unusable: [] }
    return onDevice(reachableConf(given, bound), bound)
  }
  const usable = onDevice(
    reachableConf(conf, bound, () => serversBehind(conf, bound!)),
    bound,
  )
  // Each server behind a resolver on this machine may belong to another uplink.
  const all = bound !== undefined && conf.servers.some(({ address }) => isThisMachine(address))
  return all ? usable : { ...usable, servers: usable.servers.slice(0, maxServers) }
}

/** As the C library does, netvia asks this machine's own servers if it can't read the file. If they don't answer, that is why. */
function readable(): ResolvConf {
  const conf = resolvConf.read()
  const { errno } = resolvConf
  if (errno === 0) return conf
  const why = `can't be read: ${getSystemErrorName(errno)}`
  const hint = 'make it readable, or name servers: without it, only a name server of this machine itself is asked'
  return { ...conf, unusable: [...conf.unusable, { text: '/etc/resolv.conf', why, hint, errno }] }
}

/** If no server is asked, nothing else notices that the device doesn't exist. */
function onDevice(conf: ResolvConf, device: string | undefined): ResolvConf {
  if (conf.servers.length === 0) addon().close(openDescriptor(4, 'datagram', 0, { device }))
  return conf
}

/**
 * A resolver on this machine can't be reached through a device, whatever its address. netvia then asks the servers behind
 * it, first those that belong to this device. It skips servers whose zone is a missing device.
 */
export function reachableConf(conf: ResolvConf, device: string | undefined, behind?: () => Upstreams): ResolvConf {
  const existing = conf.servers.filter(hasKnownZone)
  const remote = device === undefined ? existing : existing.filter(isRemote)
  const ownsSome = remote.length < existing.length
  const { ofDevice, others } = (ownsSome && behind?.()) || { ofDevice: [], others: [] }
  const first = [...ofDevice, ...remote]
  const inReach = () => (first.length > 0 ? first : others).filter(server => hasKnownZone(server) && isRemote(server))
  const unusable = [
    ...conf.servers.filter(server => !hasKnownZone(server)).map(withoutZone),
    ...existing
      .filter(server => !remote.includes(server))
      .map(server => ownServer(server, device!, behind === undefined)),
    ...conf.unusable,
  ]
  return { ...conf, servers: ownsSome ? unique(inReach()) : remote, unusable }
}

const isRemote = ({ address }: DnsServer) => !isThisMachine(address)

function hasKnownZone({ address }: DnsServer): boolean {
  if (!address.includes('%')) return true
  try {
    encodeAddress(address)
    return true
  } catch {
    return false
  }
}

function withoutZone(server: DnsServer): UnusableServer {
  return { text: formatDnsServer(server), why: `names a device that isn't there` }
}

/** `isGiven`: the caller named it. */
function ownServer(server: DnsServer, device: string, isGiven: boolean): UnusableServer {
  const hint = 'name servers of this machine itself are out of reach through a device: give servers that are not'
  const why = `is this machine's own, not reachable through ${device}`
  return { text: formatDnsServer(server), why, hint, ownAddress: isGiven ? server.address : undefined }
}

function unique(servers: readonly DnsServer[]): DnsServer[] {
  return [...new Map(servers.map(server => [formatDnsServer(server), server])).values()]
}
