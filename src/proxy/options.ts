import { invalidArgument, NetviaError } from '../errors.js'
import { UplinkGroup } from '../group/group.js'
import {
  boolean,
  type Check,
  type CommonOptions,
  checkOptions,
  commonSchema,
  integer,
  longestTimer,
  number,
  pathSchema,
  portOrZero,
  type Schema,
} from '../options.js'
import { dnsServers } from '../protocols/dns/server-address.js'
import { type MultipathOptions, multipathSchema } from '../protocols/tcp/multipath/options.js'
import { unmapped } from '../sockets/ip.js'
import { Blocks, blocks, loopback } from './blocks.js'
import { type Upstream, type UpstreamProxy, upstreamCheck } from './upstream.js'
import { type Users, users } from './users.js'

/** The clients, users and targets of a proxy. They can change while it runs. */
export interface ProxyAccess {
  /**
   * Addresses and blocks (`192.168.1.0/24`) that clients may connect from. Default: loopback; with `users` any, because
   * every client then needs a password.
   */
  allow?: readonly string[]
  /** Passwords by user name. Every client must send one (RFC 1929, RFC 7617). Default: clients need no password. */
  users?: Readonly<Record<string, string>>
  /**
   * Targets that clients may reach although they are on this machine, link-local, private or multicast: addresses and blocks.
   * Default: none of these.
   */
  allowTargets?: readonly string[]
}

/** `multipath` takes the place of the path, and of a group. */
export interface ProxyOptions extends CommonOptions, ProxyAccess, MultipathOptions {
  /** Port to listen on, 0-65535. 0 picks a free one, see `proxy.address()`. Default: 1080. */
  port?: number
  /** Address to listen on. Any but a loopback address needs `allow` or `users`. Default: `127.0.0.1`. */
  host?: string
  /** Chooses the uplink of each connection, in place of a path. */
  group?: UplinkGroup
  /** Connections of all clients together; further ones are closed. Default: 4096. */
  maxConnections?: number
  /** Connections of one client: an IPv4 address, or the /64 of an IPv6 address. Default: 1024. */
  maxConnectionsPerClient?: number
  /** Milliseconds a client may take to send its request. Default: 10,000. */
  handshakeTimeout?: number
  /** Milliseconds without a byte in either direction after which a connection is closed. Default: 3,600,000. */
  idleTimeout?: number
  /** Name servers, as in `resolve`. Default: those of /etc/resolv.conf. */
  servers?: readonly string[]
  /**
   * Clients may use Multipath TCP (RFC 8684), so that their connections to this proxy survive the loss of a path, as in `listen`.
   * Default: false.
   */
  acceptMultipath?: boolean
  /**
   * A SOCKS5 proxy that connects to the targets in place of this one and looks up their names, such as one with
   * `acceptMultipath`. It takes no UDP. Default: none.
   */
  upstream?: UpstreamProxy
}

export const proxyDefaults = {
  port: 1080,
  host: '127.0.0.1',
  maxConnections: 4096,
  maxConnectionsPerClient: 1024,
  handshakeTimeout: 10_000,
  idleTimeout: 3_600_000,
} as const

/** The options with all defaults filled in. */
export interface ProxySettings extends CommonOptions, MultipathOptions {
  port: number
  host: string
  group: UplinkGroup | undefined
  allow: Blocks
  users: Users | undefined
  allowTargets: Blocks
  maxConnections: number
  maxConnectionsPerClient: number
  handshakeTimeout: number
  idleTimeout: number
  servers: readonly string[] | undefined
  acceptMultipath: boolean
  upstream: Upstream | undefined
}

const groupCheck: Check = (value, name) => {
  if (value instanceof UplinkGroup) return value
  throw invalidArgument(name, value, 'an UplinkGroup')
}

/** No names, because a name may come to mean another address. */
const hostCheck: Check = (value, name) => {
  const host = value === 'localhost' ? '127.0.0.1' : value
  if (typeof host !== 'string' || !new Blocks(['0.0.0.0/0', '::/0']).has(host)) {
    throw invalidArgument(name, value, 'an IPv4 or IPv6 address, or localhost')
  }
  return unmapped(host)
}

const time = number(1, longestTimer)
const count = integer(1, 1_000_000)

const accessSchema = { allow: blocks, users, allowTargets: blocks } satisfies Schema

const schema = {
  ...commonSchema,
  ...accessSchema,
  ...multipathSchema,
  port: portOrZero,
  host: hostCheck,
  group: groupCheck,
  maxConnections: count,
  maxConnectionsPerClient: count,
  handshakeTimeout: time,
  idleTimeout: time,
  servers: dnsServers,
  acceptMultipath: boolean,
  upstream: upstreamCheck,
} satisfies Schema

/** @throws NetviaError `ERR_INVALID_ARG_VALUE`; `ERR_OPEN_PROXY` for a proxy that anybody could use. */
export function proxySettings(given: ProxyOptions): ProxySettings {
  const options = checkOptions('listenProxy', given as object, schema) as Partial<ProxySettings>
  const { host = proxyDefaults.host, group, users, allow } = options
  const path = Object.keys(pathSchema).find(key => Object.hasOwn(options, key))
  if (group && path) throw invalidArgument(`listenProxy: ${path}`, options[path as 'device'], 'left out with a group')
  checkMultipath(options)
  if (!loopback.has(host) && !allow && !users) {
    const hint = 'give allow (addresses of clients) or users, or listen at 127.0.0.1'
    throw new NetviaError(`listenProxy: anybody who reaches ${host} could use this proxy; ${hint}`, {
      ...{ code: 'ERR_OPEN_PROXY', address: host, hint },
    })
  }
  return {
    ...proxyDefaults,
    allowTargets: new Blocks([]),
    servers: undefined,
    acceptMultipath: false,
    upstream: undefined,
    ...options,
    host,
    group,
    users,
    allow: allow ?? (users ? new Blocks(['0.0.0.0/0', '::/0']) : loopback),
  }
}

function checkMultipath(options: Partial<ProxySettings>): void {
  const { multipath, multipathFallback } = options
  const beside = (['group', 'device', 'localAddress'] as const).find(key => options[key] !== undefined)
  if (multipath !== undefined && beside)
    throw invalidArgument(`listenProxy: ${beside}`, options[beside], 'left out with multipath')
  if (multipath === undefined && multipathFallback !== undefined)
    throw invalidArgument('listenProxy: multipathFallback', multipathFallback, 'left out without multipath')
}

/** Missing options stay as they are, so leaving out the users doesn't open the proxy. */
export function proxyAccess(given: ProxyAccess, before: ProxySettings) {
  const { allow, users, allowTargets } = before
  const access = checkOptions('Proxy.configure', given as object, accessSchema) as Partial<ProxySettings>
  return { allow, users, allowTargets, ...access }
}
