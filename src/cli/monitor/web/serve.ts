import type { AddressInfo } from 'node:net'
import { joinHostPort } from '../../../errors.js'
import type { UplinkMonitor } from '../../../monitor/monitor.js'
import type { Session } from '../../shared/session.js'
import type { ConfiguredProxy } from '../proxy/configured-proxy.js'
import { ProxyMetrics } from '../proxy/metrics.js'
import type { MonitorFlags } from '../run.js'
import { Access, tokenFor } from './access.js'
import { bindBeside, listening } from './bind.js'
import { EventLog } from './event-log.js'
import { EventStreams } from './event-streams.js'
import { Histories } from './history-answers.js'
import { listenAddress } from './listen-address.js'
import { Metrics } from './metrics.js'
import { loadPage } from './page.js'
import { PageSnapshots } from './page-snapshot.js'
import type { RecentHistory } from './recent-history.js'
import { makeServer } from './server.js'

export interface Served {
  metrics: Metrics
  close(): Promise<void>
}

/**
 * Serves page, JSON and metrics before the first check, or as soon as this machine has the address.
 */
export async function serve(
  session: Session,
  flags: MonitorFlags,
  monitor: UplinkMonitor,
  history: RecentHistory,
  historyFile: () => string | undefined,
  isHealthy: () => boolean,
  proxy: ConfiguredProxy,
): Promise<Served> {
  const { program, output } = session
  const address = listenAddress(flags.listen!)
  const access = new Access(tokenFor(address, flags.tokenFile, process.env))
  const log = new EventLog(monitor)
  const metrics = new Metrics(monitor, program.version()!, new ProxyMetrics(proxy))
  const snapshots = new PageSnapshots(monitor, () => historyFile() !== undefined)
  const streams = new EventStreams(snapshots, log)
  const server = makeServer(
    {
      snapshots,
      histories: new Histories(monitor, history, historyFile),
      metrics,
      streams,
      healthy: isHealthy,
    },
    access,
    loadPage(),
  )
  log.start()
  metrics.start()
  const announce = () => {
    const { address: host, port } = server.address() as AddressInfo
    const url = `http://${joinHostPort(host, port)}/`
    output.object('listening', { url })
    output.line(`page, JSON and metrics: ${url}`)
  }
  await bindBeside(() => listening(server, address), address.host, session, 'page', announce)
  return {
    metrics,
    async close() {
      log.stop()
      metrics.stop()
      streams.close()
      server.close()
      server.closeAllConnections()
    },
  }
}
