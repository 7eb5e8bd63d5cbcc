import type { AddressInfo } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { UplinkGroup } from '../../../group/group.js'
import { UplinkMonitor } from '../../../monitor/monitor.js'
import type { PathOptions } from '../../../options.js'
import type { ListeningProxy } from '../../../proxy/listen-proxy.js'
import type { ProxyAccess } from '../../../proxy/options.js'
import type { ProxyStatistics } from '../../../proxy/statistics.js'
import { OneByOne } from '../../../runtime/one-by-one.js'
import type { Session } from '../../shared/session.js'
import { bindBeside } from '../web/bind.js'
import type { ProxyPlan } from './section.js'

/** The proxy of a running command, over a path or the uplinks of a monitor, while its configuration asks for one. */
export class ConfiguredProxy {
  readonly #session: Session
  readonly #route: UplinkMonitor | PathOptions
  readonly #listening: (address: AddressInfo) => void
  readonly #calls = new OneByOne()
  #plan: ProxyPlan | undefined
  #proxy: ListeningProxy | undefined
  #group: UplinkGroup | undefined
  #ending = new AbortController()

  constructor(session: Session, route: UplinkMonitor | PathOptions, listening: (address: AddressInfo) => void) {
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
    this.#group = this.#route instanceof UplinkMonitor ? new UplinkGroup(this.#route, choice) : undefined
    const route = this.#group ? { group: this.#group } : (this.#route as PathOptions)
    const listen = () => listenProxy({ ...options, ...route, signal })
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
