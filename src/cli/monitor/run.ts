import { setFlagsFromString } from 'node:v8'
import { UplinkMonitor } from '../../monitor/monitor.js'
import { Exit } from '../shared/exit-code.js'
import { fired } from '../shared/interrupt.js'
import { plural } from '../shared/output/format.js'
import type { Session } from '../shared/session.js'
import { type Configuration, ofMonitor, readConfig } from './config.js'
import { Routes } from './configured-routing.js'
import { serveControl } from './control/serve.js'
import { Announcements } from './mqtt/configured-mqtt.js'
import { type MqttOptions, mqttSettings } from './mqtt/options.js'
import { onlyDevices } from './only-devices.js'
import { Pushes } from './otlp/configured-otlp.js'
import { type OtlpOptions, otlpSettings } from './otlp/options.js'
import { Serving } from './proxy/configured-proxy.js'
import { proxyPlan } from './proxy/section.js'
import { Reporter } from './reporter.js'
import { statusColumns, statusRows } from './status-table.js'
import { Service } from './systemd/service-status.js'
import { healthy } from './web/health.js'
import { History } from './web/recent-history.js'

export interface MonitorFlags {
  config: string
  check?: boolean
  device?: string[]
  listen?: string
  tokenFile?: string
  /** False: none. */
  socket?: string | false
  socketGroup?: string
  otlp?: string
  otlpHeaders?: string
  mqtt?: string
  verbose?: boolean
  json?: boolean
}

/** The parts beside the monitor that follow the configuration. */
interface Beside {
  routes: Routes
  pushes: Pushes
  announcements: Announcements
  serving: Serving
}

export async function run(session: Session, flags: MonitorFlags): Promise<Exit> {
  // V8's young generation stays small instead of growing to 32 MB and more: a round's objects die soon, and routers have little memory.
  setFlagsFromString('--semi-space-growth-factor=1')
  const { output, signal, program } = session
  let options = readOptions(flags)
  const plan = planOf(options)
  if (flags.check) return praise(session, flags.config, options)
  const monitor = new UplinkMonitor(ofMonitor(options))
  const history = new History(monitor)
  const reporter = new Reporter(output, monitor, flags.verbose ?? false)
  const routes = new Routes(monitor, reporter)
  const version = program.version()!
  const pushes = new Pushes(monitor, reporter, { version, configuration: flags.config })
  const announcements = new Announcements(monitor, reporter, version)
  const serving = new Serving(session, monitor, address => reporter.proxied(address))
  const beside = { routes, pushes, announcements, serving }
  session.outliveOutput()
  history.start()
  reporter.start()
  // Loaded only if the monitor listens.
  const begun = Date.now()
  const isHealthy = () => healthy(monitor.snapshot().uplinks, options, begun, Date.now())
  const service = Service.of(process.env, process.pid, monitor, isHealthy)
  const { serve } = flags.listen === undefined ? {} : await import('./web/serve.js')
  const server = await serve?.(session, flags, monitor, history, () => options.history, isHealthy, serving)
  const keepsForces = () => options.stateFile !== undefined
  const control = await serveControl(session, flags, monitor, reporter, keepsForces, () => serving.statistics)
  session.onHangUp(() => {
    service?.reloading()
    const taken = reload(session, flags, monitor, beside)
    options = taken ?? options
    server?.metrics.reloaded(taken !== undefined)
    pushes.reloaded(taken !== undefined)
    service?.reloaded()
  })
  try {
    await pushes.set(options.otlp)
    await announcements.set(options.mqtt)
    await serving.set(plan)
    await routes.set(options.routing)
  } catch (error) {
    history.stop()
    control?.close()
    await Promise.all([server?.close(), pushes.set(undefined), announcements.close(), serving.set(undefined)])
    throw error
  }
  monitor.start()
  service?.ready()
  const work = () => fired(signal)
  const rows = () => statusRows(monitor.snapshot().uplinks, history, output.terminal, process.stdout.rows)
  if (output.terminal.live) await output.liveTable(statusColumns, rows, work)
  else await work()
  service?.stopping()
  history.stop()
  control?.close()
  // It uses the current routes and states.
  await Promise.all([pushes.set(undefined), announcements.close()])
  await Promise.all([monitor.stop(), routes.set(undefined), serving.set(undefined), server?.close()])
  output.object('summary', monitor.snapshot())
  return Exit.good
}

function praise({ output }: Session, file: string, { uplinks }: Configuration): Exit {
  const checks = uplinks.reduce((sum, uplink) => sum + uplink.checks.length, 0)
  output.object('configuration', { file, uplinks: uplinks.map(({ name }) => name), checks })
  output.line(`${file}: ${plural(uplinks.length, 'uplink')}, ${plural(checks, 'check')}`)
  return Exit.good
}

function readOptions(flags: MonitorFlags): Configuration {
  const { config, device, otlp: collector, otlpHeaders: headersFile, mqtt: broker } = flags
  const options = onlyDevices(readConfig(config), device)
  const otlp = { ...options.otlp, ...(collector && { url: collector }), ...(headersFile && { headersFile }) }
  const mqtt = { ...options.mqtt, ...(broker && { url: broker }) }
  const isGiven = (section: object) => Object.keys(section).length > 0
  if (isGiven(otlp)) otlpSettings(otlp as OtlpOptions)
  if (isGiven(mqtt)) mqttSettings(mqtt as MqttOptions)
  return { ...options, ...(isGiven(otlp) && { otlp }), ...(isGiven(mqtt) && { mqtt }) } as Configuration
}

/** Reads the users' file too. */
function planOf({ proxy }: Configuration) {
  return proxy && proxyPlan(proxy)
}

/** Reports the mistakes of the file. The monitor continues as before. */
function reload(
  { output }: Session,
  flags: MonitorFlags,
  monitor: UplinkMonitor,
  { routes, pushes, announcements, serving }: Beside,
): Configuration | undefined {
  const refuse = (error: unknown, consequence: string) => {
    output.object('error', { error })
    output.note(...(error as Error).message.split('\n'), `netvia: ${consequence}`)
  }
  try {
    const options = readOptions(flags)
    const plan = planOf(options)
    // This rejects only options that reading the file has already refused.
    void monitor.configure(ofMonitor(options))
    routes.set(options.routing).catch(error => refuse(error, 'the routes are not set'))
    pushes.set(options.otlp).catch(error => refuse(error, 'nothing is pushed'))
    serving.set(plan).catch(error => refuse(error, 'no proxy is served'))
    announcements.set(options.mqtt).catch(error => refuse(error, 'mqtt goes on as before'))
    return options
  } catch (error) {
    refuse(error, `${flags.config} is not taken; going on as before`)
    return undefined
  }
}
