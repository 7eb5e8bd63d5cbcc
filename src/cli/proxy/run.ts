import { joinHostPort } from '../../errors.js'
import type { PolicyName } from '../../group/policies.js'
import type { RaceDelay } from '../../group/race.js'
import { UplinkMonitor } from '../../monitor/monitor.js'
import type { PathOptions } from '../../options.js'
import { type Configuration, ofMonitor, readConfig } from '../monitor/config.js'
import { ConfiguredProxy } from '../monitor/proxy/configured-proxy.js'
import { type ProxyPlan, type ProxySection, proxyPlan } from '../monitor/proxy/section.js'
import { colored } from '../monitor/status-table.js'
import { usageError } from '../shared/arguments.js'
import { Exit } from '../shared/exit-code.js'
import { fired } from '../shared/interrupt.js'
import { type PathFlags, pathsOf } from '../shared/path-options.js'
import type { Session } from '../shared/session.js'
import { MetricsAndControl } from './metrics-and-control.js'

export interface ProxyFlags extends PathFlags {
  listen?: string
  config?: string
  policy?: PolicyName
  race?: RaceDelay
  allow?: string[]
  usersFile?: string
  allowTarget?: string[]
  maxConnections?: number
  json?: boolean
  server?: string[]
  multipath?: boolean
  backup?: string[]
  acceptMultipath?: boolean
  upstream?: string
  upstreamUserFile?: string
  listenMetrics?: string
  tokenFile?: string
  socket?: string
  socketGroup?: string
}

export async function run(session: Session, flags: ProxyFlags): Promise<Exit> {
  const { output, signal } = session
  const { configuration, plan } = readFiles(flags)
  const monitor = configuration && watch(session, configuration)
  const route = monitor ?? pathOf(flags)
  if (monitor && pathsOf(flags).some(({ options }) => Object.values(options).some(value => value !== undefined)))
    throw usageError('--config names the paths: leave the path options out')
  if (monitor && (flags.multipath || flags.backup)) throw usageError('--multipath is for devices, not for --config')
  if (!monitor && flags.socket !== undefined) throw usageError('--socket needs the uplinks of --config')
  session.outliveOutput()
  const proxy = new ConfiguredProxy(session, route, ({ address, port }) => {
    output.object('listening', { address, port })
    output.line(`SOCKS5 and HTTP proxy: ${joinHostPort(address, port)}`)
  })
  await proxy.set(plan)
  const services = await MetricsAndControl.start(session, flags, proxy, monitor).catch(async error => {
    await proxy.set(undefined)
    throw error
  })
  session.onHangUp(() => services.reloaded(reload(session, flags, proxy, monitor)))
  monitor?.start()
  await fired(signal)
  const statistics = proxy.statistics ?? { clients: 0, refused: 0, uplinks: {} }
  services.close()
  await Promise.all([proxy.set(undefined), monitor?.stop()])
  output.object('summary', statistics)
  for (const [name, { connections, failures, bytesSent, bytesReceived }] of Object.entries(statistics.uplinks))
    output.line(
      `${name}: ${connections} connections, ${failures} failures, ${bytesSent} bytes out, ${bytesReceived} in`,
    )
  return Exit.good
}

/** Fills in missing flags from `proxy:` in the file of uplinks. */
function readFiles(flags: ProxyFlags): { configuration: Configuration | undefined; plan: ProxyPlan } {
  const { listen, policy, race, allow, usersFile, allowTarget: allowTargets, maxConnections, server: servers } = flags
  const { acceptMultipath, upstream, upstreamUserFile } = flags
  const configuration = flags.config === undefined ? undefined : readConfig(flags.config)
  const section = {
    listen,
    policy,
    race,
    allow,
    usersFile,
    allowTargets,
    maxConnections,
    servers,
    ...{ acceptMultipath, upstream, upstreamUserFile },
  }
  const given: ProxySection = Object.fromEntries(Object.entries(section).filter(([, value]) => value !== undefined))
  return { configuration, plan: proxyPlan({ ...configuration?.proxy, ...given }) }
}

function pathOf(flags: ProxyFlags) {
  if (flags.race !== undefined) throw usageError('--race needs the uplinks of --config')
  if (flags.policy !== undefined) throw usageError('--policy needs the uplinks of --config')
  const paths = pathsOf(flags)
  const { multipath, backup = [] } = flags
  if (multipath) return severalPaths(flags.device, backup, paths[0]!.options)
  if (backup.length > 0) throw usageError('--backup needs --multipath')
  if (paths.length > 1) throw usageError('give one device; several need --multipath, and several uplinks --config')
  return paths[0]!.options
}

function severalPaths(devices: string[] = [], backups: string[], { device: _, ...common }: PathOptions) {
  const names = [...new Set([...devices, ...backups])]
  if (names.length < 2 || devices.every(device => backups.includes(device)))
    throw usageError('--multipath needs two devices, by -I or --backup, and one that is no backup')
  return { ...common, multipath: names.map(device => ({ device, backup: backups.includes(device) })) }
}

/** Reports changes while it runs. */
function watch({ output }: Session, configuration: Configuration): UplinkMonitor {
  const monitor = new UplinkMonitor(ofMonitor(configuration))
  monitor.on('state', event => {
    output.object('state', event)
    const change = `${colored(event.from, output.color)} -> ${colored(event.to, output.color)}`
    output.line(`${new Date(event.at).toISOString()} ${event.uplink}: ${change} (${event.reason})`)
  })
  return monitor.on('warning', ({ message }) => output.note(`warning: ${message}`))
}

/** Reads both files before it uses either. It reports mistakes, and the proxy continues as before. */
function reload({ output }: Session, flags: ProxyFlags, proxy: ConfiguredProxy, monitor?: UplinkMonitor): boolean {
  const refuse = (error: unknown, consequence: string) => {
    output.object('error', { error })
    output.note(...(error as Error).message.split('\n'), `netvia: ${consequence}`)
  }
  try {
    const { configuration, plan } = readFiles(flags)
    proxy
      .set(plan)
      .catch(error => refuse(error, proxy.statistics ? 'the proxy continues as before' : 'no proxy is served'))
    // This rejects only options that reading the file has already refused.
    if (configuration) void monitor!.configure(ofMonitor(configuration))
    output.object('reload', { at: Date.now() })
    output.line('read its files again')
    return true
  } catch (error) {
    refuse(error, 'the files are not accepted; netvia continues with the previous ones')
    return false
  }
}
