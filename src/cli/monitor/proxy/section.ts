import { errorAt, invalidArgument, NetviaError } from '../../../errors.js'
import { type GroupOptions, groupSchema } from '../../../group/options.js'
import type { PolicyName } from '../../../group/policies.js'
import type { RaceDelay } from '../../../group/race.js'
import { parseHostPort } from '../../../host-port.js'
import { arrayOf, boolean, type Check, checkOptions, integer, type Schema, systemText } from '../../../options.js'
import { dnsServers } from '../../../protocols/dns/server-address.js'
import { block } from '../../../proxy/blocks.js'
import { type ProxyOptions, proxyDefaults, proxySettings } from '../../../proxy/options.js'
import type { UpstreamProxy } from '../../../proxy/upstream.js'
import { usageError } from '../../shared/arguments.js'
import { readNamedText } from '../../shared/named-file.js'
import { listenAddress } from '../web/listen-address.js'

/** `proxy:` in the file of uplinks, and the flags of `netvia proxy`. */
export interface ProxySection {
  /** `port` or `host:port`. Default: 127.0.0.1:1080. */
  listen?: string | number
  /** How to choose an uplink. Default: failover. */
  policy?: PolicyName
  /** Milliseconds, or `auto`. Default: no race. */
  race?: RaceDelay
  /** Clients that may use it. Default: this machine; with `usersFile` any. */
  allow?: string[]
  /** A file with lines of `name:password`. Default: clients need no password. */
  usersFile?: string
  /** Private and link-local addresses, and those of this machine, that clients may reach. Default: none. */
  allowTargets?: string[]
  /** Maximum connections of all clients together. Default: 4096. */
  maxConnections?: number
  /** Name servers. Default: those of each uplink. */
  servers?: string[]
  /** Clients may use Multipath TCP. Default: no. */
  acceptMultipath?: boolean
  /** `host` or `host:port` of a SOCKS5 proxy that connects to the targets. Default: none, port 1080. */
  upstream?: string
  /** A file with one line of `name:password` for `upstream`. Default: none. */
  upstreamUserFile?: string
}

export const sectionDefaults = {
  listen: `${proxyDefaults.host}:${proxyDefaults.port}`,
  policy: 'failover',
  maxConnections: proxyDefaults.maxConnections,
} as const

/** Everything that a proxy over the uplinks needs. */
export interface ProxyPlan {
  /** Options for `listenProxy`, without the group or path. */
  options: ProxyOptions
  choice: GroupOptions
}

const listen: Check = (value, name) => {
  if (typeof value !== 'string' && typeof value !== 'number') throw invalidArgument(name, value, 'a port or host:port')
  const text = String(value)
  listenAddress(text, name)
  return text
}

const upstream: Check = (value, name) => {
  if (typeof value !== 'string' || !parseHostPort(value)) throw invalidArgument(name, value, 'host or host:port')
  return value
}

const schema = {
  ...{ listen, policy: groupSchema.policy, race: groupSchema.race, usersFile: systemText },
  ...{ allow: arrayOf(block), allowTargets: arrayOf(block), maxConnections: integer(1, 1_000_000) },
  servers: dnsServers,
  ...{ acceptMultipath: boolean, upstream, upstreamUserFile: systemText },
} satisfies Schema

/**
 * Checks the section without the users' file, which perhaps only the proxy's own user can read.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE`; `ERR_OPEN_PROXY` for a proxy that anybody could use.
 */
export function judgeSection(given: ProxySection): void {
  planWith(given, () => ({ name: 'password' }))
}

/**
 * Checks the section and its users' file.
 *
 * @throws NetviaError as `judgeSection`.
 */
export function proxyPlan(given: ProxySection): ProxyPlan {
  return planWith(given, readUsers)
}

function planWith(given: ProxySection, usersIn: (file: string) => Record<string, string>): ProxyPlan {
  const section: ProxySection = checkOptions('proxy', given, schema)
  const { listen: at, policy, race, usersFile, maxConnections, ...rest } = { ...sectionDefaults, ...section }
  const { upstream, upstreamUserFile, ...others } = rest
  const { host, port } = listenAddress(String(at))
  const users = usersFile === undefined ? undefined : usersIn(usersFile)
  // One client address can be a whole household behind its router.
  const limits = { maxConnections, maxConnectionsPerClient: maxConnections }
  const far = upstreamOf(upstream, upstreamUserFile, usersIn)
  const options = { ...others, host, port, users, ...limits, ...(far && { upstream: far }) }
  try {
    proxySettings(options)
  } catch (error) {
    // Everything else has been checked above.
    const keys: Record<string, string> = { users: 'usersFile', upstream: 'upstreamUserFile' }
    if (error instanceof NetviaError) error.option = [keys[error.option?.[0] ?? ''] ?? 'listen']
    throw error
  }
  return { options, choice: { policy, race, cutConnections: true } }
}

function upstreamOf(
  at: string | undefined,
  file: string | undefined,
  usersIn: (file: string) => Record<string, string>,
): UpstreamProxy | undefined {
  if (at === undefined) {
    if (file === undefined) return undefined
    throw errorAt('upstreamUserFile', invalidArgument('proxy: upstreamUserFile', file, 'left out without upstream'))
  }
  const address = parseHostPort(at)!
  if (file === undefined) return address
  const [[user, password], ...others] = Object.entries(usersIn(file)) as [[string, string]]
  if (others.length > 0) throw usageError(`${file}: it must have one line of name:password`)
  return { ...address, user, password }
}

/** Lines of `name:password`. Empty lines and those that begin with `#` are skipped. */
function readUsers(file: string): Record<string, string> {
  const lines = readNamedText(file)
    .split('\n')
    .map(line => line.replace(/\r$/, ''))
  const users = lines.filter(line => line !== '' && !line.startsWith('#')).map(line => /^([^:]+):(.+)$/.exec(line))
  const wrong = users.indexOf(null)
  if (users.length === 0 || wrong !== -1)
    throw usageError(`${file}: it must have lines of name:password, and nothing else`)
  return Object.fromEntries(users.map(user => [user![1]!, user![2]!]))
}
