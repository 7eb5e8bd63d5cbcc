import { Counter, Gauge, Registry } from 'prom-client'
import type { ProxyUplinkStatistics } from '../../../proxy/statistics.js'
import type { ConfiguredProxy } from './configured-proxy.js'

/** A proxy's statistics in the text format of Prometheus. */
export class ProxyMetrics {
  readonly #proxy: ConfiguredProxy
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

  constructor(proxy: ConfiguredProxy) {
    this.#proxy = proxy
  }

  /** `uplinks` names all uplinks, so that unused ones have counters of 0. Empty while no proxy listens. */
  async text(uplinks: readonly string[]): Promise<string> {
    const { statistics } = this.#proxy
    if (!statistics) return ''
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
