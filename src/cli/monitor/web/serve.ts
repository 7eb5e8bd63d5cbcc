import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { joinHostPort } from '../../../errors.js'
import type { UplinkMonitor } from '../../../monitor/monitor.js'
import type { MonitorOptions } from '../../../monitor/options.js'
import type { Session } from '../../shared/session.js'
import type { MonitorFlags } from '../run.js'
import { Access, tokenFor } from './access.js'
import { EventLog } from './event-log.js'
import { EventStreams } from './event-streams.js'
import { healthy } from './health.js'
import type { History } from './history.js'
import { listenAddress } from './listen-address.js'
import { Metrics } from './metrics.js'
import { loadPage } from './page.js'
import { makeServer } from './server.js'

export interface Served {
  url: string
  metrics: Metrics
  close(): Promise<void>
}

/** Serves page, JSON and metrics, from before the first check on. `options` are those in force. */
export async function serve(
  { program }: Session,
  flags: MonitorFlags,
  monitor: UplinkMonitor,
  history: History,
  options: () => MonitorOptions,
): Promise<Served> {
  const address = listenAddress(flags.listen!)
  const access = new Access(tokenFor(address, flags.tokenFile, process.env))
  const log = new EventLog(monitor)
  const metrics = new Metrics(monitor, program.version()!)
  const streams = new EventStreams(monitor, history, log)
  const begun = Date.now()
  const server = makeServer(
    {
      monitor,
      history,
      metrics,
      streams,
      healthy: () => healthy(monitor.snapshot().uplinks, options(), begun, Date.now()),
    },
    access,
    loadPage(),
  )
  server.listen(address.port, address.host)
  await once(server, 'listening')
  log.start()
  metrics.start()
  const { address: host, port } = server.address() as AddressInfo
  return {
    url: `http://${joinHostPort(host, port)}/`,
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
