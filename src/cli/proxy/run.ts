import { readFileSync } from 'node:fs'
import { joinHostPort } from '../../errors.js'
import { UplinkGroup } from '../../group/group.js'
import type { PolicyName } from '../../group/policies.js'
import type { RaceDelay } from '../../group/race.js'
import { UplinkMonitor } from '../../monitor/monitor.js'
import { type ListeningProxy, listenProxy } from '../../proxy/listen-proxy.js'
import { ofMonitor, readConfig } from '../monitor/config.js'
import { colored } from '../monitor/status-table.js'
import { listenAddress } from '../monitor/web/listen-address.js'
import { usageError } from '../shared/arguments.js'
import { Exit } from '../shared/exit-code.js'
import { type PathFlags, pathsOf } from '../shared/path-options.js'
import type { Session } from '../shared/session.js'
import { Services } from './services.js'

export interface ProxyFlags extends PathFlags {
  listen: string
  config?: string
  policy?: PolicyName
  race?: RaceDelay
  allow?: string[]
  usersFile?: string
  allowTarget?: string[]
  maxConnections: number
  json?: boolean
  server?: string[]
  listenMetrics?: string
  tokenFile?: string
  socket?: string
  socketGroup?: string
}

export async function run(session: Session, flags: ProxyFlags): Promise<Exit> {
  const { output, signal } = session
  const { host, port } = listenAddress(flags.listen)
  const { allow, allowTarget: allowTargets, maxConnections, server: servers } = flags
  const users = usersOf(flags)
  const watched = flags.config === undefined ? undefined : watch(session, flags.config, flags)
  const way = watched ? { group: watched.group } : pathOf(flags)
  if (watched && pathsOf(flags).some(({ options }) => Object.values(options).some(value => value !== undefined)))
    throw usageError('--config names the paths: leave the path options out')
  if (!watched && flags.socket !== undefined) throw usageError('--socket needs the uplinks of --config')
  session.outliveOutput()
  const proxy = await listenProxy({
    ...{ host, port, allow, users, allowTargets, maxConnections, servers },
    // One client may be a whole household behind its router.
    ...{ maxConnectionsPerClient: maxConnections },
    ...way,
  })
  const at = proxy.address()
  output.object('listening', { address: at.address, port: at.port })
  output.line(`SOCKS5 and HTTP proxy: ${joinHostPort(at.address, at.port)}`)
  const services = await Services.start(session, flags, proxy, watched?.monitor).catch(async error => {
    await Promise.all([proxy.close(), watched?.group.close()])
    throw error
  })
  session.onHangUp(() => services.reloaded(reload(session, flags, proxy, watched?.monitor)))
  watched?.monitor.start()
  await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
  const { statistics } = proxy
  services.close()
  await Promise.all([proxy.close(), watched?.group.close(), watched?.monitor.stop()])
  output.object('summary', statistics)
  for (const [name, { connections, failures, bytesSent, bytesReceived }] of Object.entries(statistics.uplinks))
    output.line(
      `${name}: ${connections} connections, ${failures} failures, ${bytesSent} bytes out, ${bytesReceived} in`,
    )
  return Exit.good
}

function pathOf(flags: ProxyFlags) {
  if (flags.race !== undefined) throw usageError('--race is among the uplinks of --config: give that too')
  if (flags.policy !== undefined) throw usageError('--policy chooses among the uplinks of --config: give that too')
  const [path, other] = pathsOf(flags)
  if (other) throw usageError('one device; several uplinks come from --config')
  return path!.options
}

/** What changes while it runs is said; connections of an uplink that is down are cut. */
function watch({ output }: Session, file: string, { policy = 'failover', race }: ProxyFlags) {
  const monitor = new UplinkMonitor(ofMonitor(readConfig(file)))
  const group = new UplinkGroup(monitor, { policy, race, cutConnections: true })
  monitor.on('state', event => {
    output.object('state', event)
    const change = `${colored(event.from, output.color)} -> ${colored(event.to, output.color)}`
    output.line(`${new Date(event.at).toISOString()} ${event.uplink}: ${change} (${event.reason})`)
  })
  monitor.on('warning', ({ message }) => output.note(`warning: ${message}`))
  return { monitor, group }
}

/** Reads both files before it takes either. What is wrong is reported, and the proxy goes on as before. */
function reload({ output }: Session, flags: ProxyFlags, proxy: ListeningProxy, monitor?: UplinkMonitor): boolean {
  try {
    const users = usersOf(flags)
    const options = monitor && readConfig(flags.config!)
    if (users) proxy.configure({ users })
    // Rejects only for what reading has refused already.
    if (options) void monitor.configure(ofMonitor(options))
    output.object('reload', { at: Date.now() })
    output.line('read its files again')
    return true
  } catch (error) {
    output.object('error', { error })
    output.note(...(error as Error).message.split('\n'), 'netvia: the files are not taken; going on as before')
    return false
  }
}

function usersOf({ usersFile }: ProxyFlags): Record<string, string> | undefined {
  return usersFile === undefined ? undefined : readUsers(usersFile)
}

/** Lines of `name:password`; empty ones, and those that begin with `#`, are left out. */
function readUsers(file: string): Record<string, string> {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .map(line => line.replace(/\r$/, ''))
  const users = lines.filter(line => line !== '' && !line.startsWith('#')).map(line => /^([^:]+):(.+)$/.exec(line))
  const wrong = users.indexOf(null)
  if (users.length === 0 || wrong !== -1)
    throw usageError(`${file}: it must have lines of name:password, and nothing else`)
  return Object.fromEntries(users.map(user => [user![1]!, user![2]!]))
}
