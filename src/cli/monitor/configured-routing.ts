import { isDeepStrictEqual } from 'node:util'
import type { UplinkMonitor } from '../../monitor/monitor.js'
import type { RoutingOptions } from '../../routing/options.js'
import { UplinkRouting } from '../../routing/routing.js'
import { SerialQueue } from '../../runtime/serial-queue.js'
import type { Reporter } from './reporter.js'

/** Sets this machine's routes while the monitor runs, if the configuration says so. */
export class ConfiguredRouting {
  readonly #monitor: UplinkMonitor
  readonly #reporter: Reporter
  readonly #calls = new SerialQueue()
  #options: RoutingOptions | undefined
  #routing: UplinkRouting | undefined

  constructor(monitor: UplinkMonitor, reporter: Reporter) {
    this.#monitor = monitor
    this.#reporter = reporter
  }

  /** Switches to these options, one call after another. Unchanged options have no effect. */
  set(options: RoutingOptions | undefined): Promise<void> {
    return this.#calls.run(() => this.#set(options))
  }

  async #set(options: RoutingOptions | undefined): Promise<void> {
    if (isDeepStrictEqual(options, this.#options)) return
    await this.#routing?.stop()
    this.#routing = undefined
    this.#options = undefined
    if (!options) return
    const routing = new UplinkRouting(this.#monitor, options)
    this.#reporter.followRoutes(routing)
    await routing.start()
    this.#routing = routing
    this.#options = options
  }
}
