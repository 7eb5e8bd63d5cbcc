import { UplinkMonitor } from '../../monitor/monitor.js'
import { Exit } from '../shared/exit-code.js'
import { fired } from '../shared/interrupt.js'
import { plural } from '../shared/output/format.js'
import type { Session } from '../shared/session.js'
import { keepYoungGenerationSmall } from '../shared/young-generation.js'
import { type Configuration, ofMonitor, readConfig } from './config.js'
import { ConfiguredRouting } from './configured-routing.js'
import { serveControl } from './control/serve.js'
import { ConfiguredMqtt } from './mqtt/configured-mqtt.js'
import { type MqttOptions, mqttSettings } from './mqtt/options.js'
import { onlyDevices } from './only-devices.js'
import { ConfiguredOtlp } from './otlp/configured-otlp.js'
import { type OtlpOptions, otlpSettings } from './otlp/options.js'
import { ConfiguredProxy } from './proxy/configured-proxy.js'
import { type ProxyPlan, proxyPlan } from './proxy/section.js'
import { Reporter } from './reporter.js'
import { statusColumns, statusRows } from './status-table.js'
import { ServiceStatus } from './systemd/service-status.js'
import { healthy } from './web/health.js'
import { RecentHistory } from './web/recent-history.js'

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
  routing: ConfiguredRouting
  otlp: ConfiguredOtlp
  mqtt: ConfiguredMqtt
  proxy: ConfiguredProxy
}

export async function run(session: Session, flags: MonitorFlags): Promise<Exit> {
  keepYoungGenerationSmall()
  const { output, signal, program } = session
  let { options, plan } = readAll(flags)
  if (flags.check) return reportValid(session, flags.config, options)
  const monitor = new UplinkMonitor(ofMonitor(options))
  const history = new RecentHistory(monitor)
  const reporter = new Reporter(output, monitor, flags.verbose ?? false)
  const routing = new ConfiguredRouting(monitor, reporter)
  const version = program.version()!
  const otlp = new ConfiguredOtlp(monitor, reporter, { version, configuration: flags.config })
  const mqtt = new ConfiguredMqtt(monitor, reporter, version)
  const proxy = new ConfiguredProxy(session, monitor, address => reporter.proxied(address))
  const beside = { routing, otlp, mqtt, proxy }
  session.outliveOutput()
  history.start()
  reporter.start()
  // Loaded only if the monitor listens.
  const isHealthy = () => healthy(monitor)
  const service = ServiceStatus.of(process.env, process.pid, monitor, isHealthy)
  const { serve } = flags.listen === undefined ? {} : await import('./web/serve.js')
  const server = await serve?.(session, flags, monitor, history, () => options.history, isHealthy, proxy)
  const control = await serveControl(session, flags, monitor, reporter, () => proxy.statistics)
  try {
    await otlp.set(options.otlp)
    await mqtt.set(options.mqtt)
    await proxy.set(plan)
    await routing.set(options.routing)
  } catch (error) {
    history.stop()
    control?.close()
    await Promise.all([server?.close(), otlp.set(undefined), mqtt.close(), proxy.set(undefined)])
    throw error
  }
  monitor.start()
  service?.ready()
  session.onHangUp(() => {
    service?.reloading()
    const accepted = reload(session, flags, monitor, beside)
    if (accepted) ({ options, plan } = accepted)
    server?.metrics.reloaded(accepted !== undefined)
    otlp.reloaded(accepted !== undefined)
    service?.reloaded()
  })
  const work = () => fired(signal)
  const rows = () => statusRows(monitor.snapshot().uplinks, history, output.terminal, process.stdout.rows)
  if (output.terminal.live) await output.liveTable(statusColumns, rows, work)
  else await work()
  service?.stopping()
  history.stop()
  control?.close()
  // They use the current routes and states.
  await Promise.all([otlp.set(undefined), mqtt.close()])
  await Promise.all([monitor.stop(), routing.set(undefined), proxy.set(undefined), server?.close()])
  output.object('summary', monitor.snapshot())
  return Exit.good
}

function reportValid({ output }: Session, file: string, { uplinks }: Configuration): Exit {
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

/** Reads the users' file of the proxy too. */
function readAll(flags: MonitorFlags): { options: Configuration; plan: ProxyPlan | undefined } {
  const options = readOptions(flags)
  return { options, plan: options.proxy && proxyPlan(options.proxy) }
}

/** Reports the mistakes of the file. The monitor continues as before. */
function reload(
  { output }: Session,
  flags: MonitorFlags,
  monitor: UplinkMonitor,
  { routing, otlp, mqtt, proxy }: Beside,
): ReturnType<typeof readAll> | undefined {
  const refuse = (error: unknown, consequence: string) => {
    output.object('error', { error })
    output.note(...(error as Error).message.split('\n'), `netvia: ${consequence}`)
  }
  try {
    const read = readAll(flags)
    const { options, plan } = read
    // This rejects only options that reading the file has already refused.
    void monitor.configure(ofMonitor(options))
    routing
      .set(options.routing)
      .catch(error => refuse(error, routing.running ? 'the routes are set as before' : 'the routes are not set'))
    otlp
      .set(options.otlp)
      .catch(error => refuse(error, otlp.running ? 'otlp continues as before' : 'nothing is pushed'))
    proxy
      .set(plan)
      .catch(error => refuse(error, proxy.statistics ? 'the proxy continues as before' : 'no proxy is served'))
    mqtt.set(options.mqtt).catch(error => refuse(error, 'mqtt continues as before'))
    return read
  } catch (error) {
    refuse(error, `${flags.config} is not accepted; netvia continues with the previous one`)
    return undefined
  }
}
