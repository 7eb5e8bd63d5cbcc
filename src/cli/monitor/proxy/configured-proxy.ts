import type { AddressInfo } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { UplinkGroup } from '../../../group/group.js'
import { UplinkMonitor } from '../../../monitor/monitor.js'
import type { PathOptions } from '../../../options.js'
import type { MultipathOptions } from '../../../protocols/tcp/multipath/options.js'
import type { ListeningProxy } from '../../../proxy/listen-proxy.js'
import type { ProxyAccess } from '../../../proxy/options.js'
import type { ProxyStatistics } from '../../../proxy/statistics.js'
import { SerialQueue } from '../../../runtime/serial-queue.js'
import type { Session } from '../../shared/session.js'
import { bindBeside } from '../web/bind.js'
import type { ProxyPlan } from './section.js'

type Route = UplinkMonitor | (PathOptions & MultipathOptions)

/** The proxy of a running command, over a path, several paths or the uplinks of a monitor, while its configuration asks for one. */
export class ConfiguredProxy {
  readonly #session: Session
  readonly #route: Route
  readonly #listening: (address: AddressInfo) => void
  readonly #calls = new SerialQueue()
  #plan: ProxyPlan | undefined
  #proxy: ListeningProxy | undefined
  #group: UplinkGroup | undefined
  #ending = new AbortController()

  constructor(session: Session, route: Route, listening: (address: AddressInfo) => void) {
    this.#session = session
    this.#route = route
    this.#listening = listening
  }

  /** Undefined while none listens. */
  get statistics(): ProxyStatistics | undefined {
    return this.#proxy?.statistics
  }

  /**
   * Switches to this plan, one call after another. Open connections survive if only users, clients and targets changed.
   */
  set(plan: ProxyPlan | undefined): Promise<void> {
    return this.#calls.run(() => this.#set(plan))
  }

  async #set(plan: ProxyPlan | undefined): Promise<void> {
    if (plan && this.#plan && this.#proxy && isDeepStrictEqual(fixedPart(plan), fixedPart(this.#plan))) {
      this.#proxy.configure(accessOf(plan))
    } else {
      await this.#end()
      if (plan) await this.#begin(plan)
    }
    this.#plan = plan
  }

  async #begin({ options, choice }: ProxyPlan): Promise<void> {
    const { listenProxy } = await import('../../../proxy/listen-proxy.js')
    const { output } = this.#session
    const { signal } = this.#ending
    const route = this.#route
    this.#group = route instanceof UplinkMonitor ? new UplinkGroup(route, choice) : undefined
    const way = route instanceof UplinkMonitor ? { group: this.#group } : route
    const listen = () => listenProxy({ ...options, ...way, signal })
    await bindBeside(listen, options.host!, { output, signal }, 'proxy', proxy => {
      this.#proxy = proxy
      this.#listening(proxy.address())
    }).catch(async error => {
      await this.#end()
      throw error
    })
  }

  async #end(): Promise<void> {
    this.#plan = undefined
    this.#ending.abort()
    this.#ending = new AbortController()
    await Promise.all([this.#proxy?.close(), this.#group?.close()])
    this.#proxy = undefined
    this.#group = undefined
  }
}

function accessOf({ options: { allow, users, allowTargets } }: ProxyPlan): ProxyAccess {
  return { allow, users, allowTargets }
}

/** Whether the change needs a new proxy. Removing an option does too, because `configure` keeps what is left out. */
function fixedPart({ options: { allow, users, allowTargets, ...options }, choice }: ProxyPlan) {
  return { options, choice, given: [allow, users, allowTargets].map(value => value !== undefined) }
}
