import type { UplinkMonitor } from '../../../monitor/monitor.js'
import { OneByOne } from '../../../runtime/one-by-one.js'
import type { Reporter } from '../reporter.js'
import { type OtlpOptions, otlpSettings } from './options.js'
import type { Pushing } from './otlp-pusher.js'

/** Pushes the monitor's metrics if the configuration says so. */
export class Pushes {
  readonly #monitor: UplinkMonitor
  readonly #reporter: Reporter
  readonly #calls = new OneByOne()
  readonly #about: { version: string; configuration: string }
  #pushing: Pushing | undefined

  constructor(monitor: UplinkMonitor, reporter: Reporter, about: { version: string; configuration: string }) {
    this.#monitor = monitor
    this.#reporter = reporter
    this.#about = about
  }

  /** Switches to these options, one call after another. */
  set(options: OtlpOptions | undefined): Promise<void> {
    return this.#calls.run(() => this.#set(options))
  }

  /** Records whether a configuration that was read was accepted. */
  reloaded(taken: boolean): void {
    this.#pushing?.reloaded(taken)
  }

  async #set(options: OtlpOptions | undefined): Promise<void> {
    if (options && this.#pushing) return this.#pushing.configure(otlpSettings(options))
    await this.#pushing?.close()
    this.#pushing = undefined
    if (!options) return
    const { Pushing } = await import('./otlp-pusher.js')
    this.#pushing = new Pushing(this.#monitor, otlpSettings(options), this.#about, report =>
      this.#reporter.pushed(report),
    )
  }
}
