import { Counter, Gauge, Registry } from 'prom-client'

/** The metrics of the exporter itself, named as in blackbox_exporter where it has them. */
export class OwnMetrics {
  readonly #registry = new Registry()
  readonly #unknown = new Counter({
    name: 'blackbox_module_unknown_total',
    help: 'Probes of modules that there are not',
    registers: [this.#registry],
  })
  readonly #loaded = this.#gauge('config_last_reload_successful', '1 if the configuration was right when last read')
  readonly #loadedAt = this.#gauge(
    'config_last_reload_success_timestamp_seconds',
    'When a configuration was last taken',
  )

  constructor(version: string) {
    new Gauge({
      name: 'netvia_build_info',
      help: 'Always 1; the version is a label',
      labelNames: ['version'],
      registers: [this.#registry],
    }).set({ version }, 1)
    this.reloaded(true)
  }

  unknownModule(): void {
    this.#unknown.inc()
  }

  /** Records whether a configuration that was read was accepted. */
  reloaded(taken: boolean): void {
    this.#loaded.set(Number(taken))
    if (taken) this.#loadedAt.set(Date.now() / 1000)
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name: `blackbox_exporter_${name}`, help, registers: [this.#registry] })
  }
}
