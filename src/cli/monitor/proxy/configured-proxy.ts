import type { AddressInfo } from 'node:net'
import type { ProxyStatistics } from '../../../proxy/statistics.js'
import { SerialQueue } from '../../../runtime/serial-queue.js'
import type { Session } from '../../shared/session.js'
import type { ProxyPlan } from './section.js'
import { type Route, ServedProxy } from './served-proxy.js'

/** The proxy of a running command, over a path, several paths or the uplinks of a monitor, while its configuration asks for one. */
export class ConfiguredProxy {
  readonly #session: Session
  readonly #route: Route
  readonly #listening: (address: AddressInfo) => void
  readonly #calls = new SerialQueue()
  #served: ServedProxy | undefined

  constructor(session: Session, route: Route, listening: (address: AddressInfo) => void) {
    this.#session = session
    this.#route = route
    this.#listening = listening
  }

  /** Undefined while none listens. */
  get statistics(): ProxyStatistics | undefined {
    return this.#served?.statistics
  }

  /**
   * Switches to this plan, one call after another. Open connections survive if only users, clients and targets changed. If the new
   * proxy can't listen, the old one is served as before.
   */
  set(plan: ProxyPlan | undefined): Promise<void> {
    return this.#calls.run(() => this.#set(plan))
  }

  async #set(plan: ProxyPlan | undefined): Promise<void> {
    const before = this.#served
    if (plan && before?.take(plan)) return
    // Only one proxy can listen at a port.
    const goesOn = plan && before && plan.options.port !== before.plan.options.port
    if (!goesOn) await this.#end()
    if (!plan) return
    try {
      this.#served = await this.#begin(plan)
    } catch (error) {
      if (before && !goesOn) this.#served = await this.#begin(before.plan).catch(() => undefined)
      throw error
    }
    if (goesOn) await before.end()
  }

  async #begin(plan: ProxyPlan): Promise<ServedProxy> {
    const served = new ServedProxy(this.#route, plan)
    await served.begin(this.#session, this.#listening)
    return served
  }

  async #end(): Promise<void> {
    await this.#served?.end()
    this.#served = undefined
  }
}
