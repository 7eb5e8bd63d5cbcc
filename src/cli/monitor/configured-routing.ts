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

  get running(): boolean {
    return this.#routing !== undefined
  }

  /**
   * Switches to these options, one call after another. Unchanged options have no effect. If the new routing can't start, the old one is
   * set again.
   */
  set(options: RoutingOptions | undefined): Promise<void> {
    return this.#calls.run(() => this.#set(options))
  }

  async #set(options: RoutingOptions | undefined): Promise<void> {
    const before = this.#options
    if (isDeepStrictEqual(options, before)) return
    try {
      await this.#end()
      if (options) await this.#begin(options)
    } catch (error) {
      if (options && before) await this.#begin(before).catch(() => {})
      throw error
    }
  }

  async #begin(options: RoutingOptions): Promise<void> {
    const routing = new UplinkRouting(this.#monitor, options)
    this.#reporter.followRoutes(routing)
    await routing.start()
    this.#routing = routing
    this.#options = options
  }

  async #end(): Promise<void> {
    const routing = this.#routing
    this.#routing = undefined
    this.#options = undefined
    await routing?.stop()
  }
}
