import type { UplinkMonitor } from '../../../monitor/monitor.js'
import { SerialQueue } from '../../../runtime/serial-queue.js'
import type { Reporter } from '../reporter.js'
import { type OtlpOptions, otlpSettings } from './options.js'
import type { OtlpPusher } from './otlp-pusher.js'

/** Pushes the monitor's metrics if the configuration says so. */
export class ConfiguredOtlp {
  readonly #monitor: UplinkMonitor
  readonly #reporter: Reporter
  readonly #calls = new SerialQueue()
  readonly #about: { version: string; configuration: string }
  #pusher: OtlpPusher | undefined

  constructor(monitor: UplinkMonitor, reporter: Reporter, about: { version: string; configuration: string }) {
    this.#monitor = monitor
    this.#reporter = reporter
    this.#about = about
  }

  get running(): boolean {
    return this.#pusher !== undefined
  }

  /** Switches to these options, one call after another. */
  set(options: OtlpOptions | undefined): Promise<void> {
    return this.#calls.run(() => this.#set(options))
  }

  /** Records whether a configuration that was read was accepted. */
  reloaded(taken: boolean): void {
    this.#pusher?.reloaded(taken)
  }

  async #set(options: OtlpOptions | undefined): Promise<void> {
    if (options && this.#pusher) return this.#pusher.configure(otlpSettings(options))
    await this.#pusher?.close()
    this.#pusher = undefined
    if (!options) return
    const { OtlpPusher } = await import('./otlp-pusher.js')
    this.#pusher = new OtlpPusher(this.#monitor, otlpSettings(options), this.#about, report =>
      this.#reporter.pushed(report),
    )
  }
}
