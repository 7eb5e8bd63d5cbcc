import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { joinHostPort } from '../../errors.js'
import type { UplinkMonitor } from '../../monitor/monitor.js'
import type { Control } from '../monitor/control/control.js'
import { serveControl } from '../monitor/control/serve.js'
import type { ConfiguredProxy } from '../monitor/proxy/configured-proxy.js'
import { ProxyMetrics } from '../monitor/proxy/metrics.js'
import { Access, tokenFor } from '../monitor/web/access.js'
import { bindBeside, listening } from '../monitor/web/bind.js'
import { listenAddress } from '../monitor/web/listen-address.js'
import { Metrics } from '../monitor/web/metrics.js'
import type { Session } from '../shared/session.js'
import { metricsServer } from './metrics-server.js'
import type { ProxyFlags } from './run.js'

/** The services of a running proxy: metrics, and a socket for `netvia status` and `netvia force`. */
export class MetricsAndControl {
  #server: Server | undefined
  #metrics: Metrics | undefined
  #control: Control | undefined

  static async start(session: Session, flags: ProxyFlags, proxy: ConfiguredProxy, monitor: UplinkMonitor | undefined) {
    const services = new MetricsAndControl()
    try {
      if (monitor && flags.socket !== undefined) services.#control = await control(session, flags, proxy, monitor)
      if (flags.listenMetrics !== undefined) await services.#serve(session, flags, proxy, monitor)
    } catch (error) {
      services.close()
      throw error
    }
    return services
  }

  /** Records whether the files that were read again were accepted. */
  reloaded(taken: boolean): void {
    this.#metrics?.reloaded(taken)
  }

  close(): void {
    this.#control?.close()
    this.#metrics?.stop()
    this.#server?.close()
    this.#server?.closeAllConnections()
  }

  async #serve(session: Session, flags: ProxyFlags, proxy: ConfiguredProxy, monitor?: UplinkMonitor) {
    const { output, program } = session
    const address = listenAddress(flags.listenMetrics!)
    const token = tokenFor(address, flags.tokenFile, process.env, '--listen-metrics')
    const ofProxy = new ProxyMetrics(proxy)
    const metrics = monitor && new Metrics(monitor, program.version()!, ofProxy)
    metrics?.start()
    this.#metrics = metrics
    const text = () => (metrics ? metrics.text() : ofProxy.text([]))
    const server = metricsServer(text, new Access(token))
    this.#server = server
    const announce = () => {
      const { address: host, port } = server.address() as AddressInfo
      const url = `http://${joinHostPort(host, port)}/metrics`
      output.object('metrics', { url })
      output.line(`metrics: ${url}`)
    }
    await bindBeside(() => listening(server, address), address.host, session, 'metrics', announce)
  }
}

function control(session: Session, flags: ProxyFlags, proxy: ConfiguredProxy, monitor: UplinkMonitor) {
  const { output } = session
  const events = {
    forced: (uplink: string, forced: unknown) => output.object('force', { uplink, forced, at: Date.now() }),
  }
  return serveControl(session, flags, monitor, events, () => proxy.statistics)
}
