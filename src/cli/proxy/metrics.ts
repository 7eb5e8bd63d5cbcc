import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Counter, Gauge, Registry } from 'prom-client'
import type { ListeningProxy } from '../../proxy/listen-proxy.js'
import type { ProxyUplinkStatistics } from '../../proxy/statistics.js'
import type { Access } from '../monitor/web/access.js'

/** As many scrapes at a time as anybody needs. */
const maxConnections = 50

/** Serves `/metrics` alone. Each scrape renders the text again. */
export function metricsServer(text: () => Promise<string>, access: Access): Server {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<unknown> => {
    response.setHeader('x-content-type-options', 'nosniff')
    if (access.refuse(request, response)) return
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return response.writeHead(405, { allow: 'GET, HEAD' }).end()
    if (request.url !== '/metrics') return response.writeHead(404).end()
    return response.writeHead(200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE }).end(await text())
  }
  const server = createServer({ maxHeaderSize: 8192 }, (request, response) => {
    respond(request, response).catch(() => response.destroy())
  })
  server.maxConnections = maxConnections
  return server
}

/** What went through a proxy, in the text format of Prometheus. */
export class ProxyMetrics {
  readonly #proxy: ListeningProxy
  readonly #registry = new Registry()
  readonly #ofUplink = {
    connections: this.#counter('connections', 'Connections and UDP associations that were opened', ['uplink']),
    open: this.#gauge('open_connections', 'Connections and UDP associations that are open now', ['uplink']),
    failures: this.#counter('failures', 'Connections that this uplink could not make', ['uplink']),
    bytesSent: this.#counter('sent_bytes', 'Bytes to the targets', ['uplink']),
    bytesReceived: this.#counter('received_bytes', 'Bytes from the targets', ['uplink']),
  }
  readonly #clients = this.#gauge('clients', 'Connections of clients that are open now')
  readonly #refused = this.#counter('refused_clients', 'Connections of clients closed by address, password or limit')

  constructor(proxy: ListeningProxy) {
    this.#proxy = proxy
  }

  /** `uplinks` has those that may not have been used yet: their counters begin at 0. */
  text(uplinks: readonly string[]): Promise<string> {
    const statistics = this.#proxy.statistics
    const entries = Object.entries(this.#ofUplink) as [keyof ProxyUplinkStatistics, Counter | Gauge][]
    for (const [key, metric] of entries) {
      metric.reset()
      for (const uplink of new Set([...uplinks, ...Object.keys(statistics.uplinks)]))
        metric.inc({ uplink }, statistics.uplinks[uplink]?.[key] ?? 0)
    }
    this.#clients.set(statistics.clients)
    this.#refused.reset()
    this.#refused.inc(statistics.refused)
    return this.#registry.metrics()
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name: `netvia_proxy_${name}`, help, labelNames, registers: [this.#registry] })
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name: `netvia_proxy_${name}_total`, help, labelNames, registers: [this.#registry] })
  }
}
