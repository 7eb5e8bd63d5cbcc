import type { AddressInfo } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { UplinkGroup } from '../../../group/group.js'
import { UplinkMonitor } from '../../../monitor/monitor.js'
import type { PathOptions } from '../../../options.js'
import type { MultipathOptions } from '../../../protocols/tcp/multipath/options.js'
import type { ListeningProxy } from '../../../proxy/listen-proxy.js'
import type { ProxyAccess } from '../../../proxy/options.js'
import type { ProxyStatistics } from '../../../proxy/statistics.js'
import type { Session } from '../../shared/session.js'
import { bindBeside } from '../web/bind.js'
import type { ProxyPlan } from './section.js'

export type Route = UplinkMonitor | (PathOptions & MultipathOptions)

/** A proxy that listens as a plan says, or waits for the address. */
export class ServedProxy {
  readonly #route: Route
  readonly #group: UplinkGroup | undefined
  readonly #ending = new AbortController()
  #plan: ProxyPlan
  #proxy: ListeningProxy | undefined

  constructor(route: Route, plan: ProxyPlan) {
    this.#route = route
    this.#plan = plan
    this.#group = route instanceof UplinkMonitor ? new UplinkGroup(route, plan.choice) : undefined
  }

  get plan(): ProxyPlan {
    return this.#plan
  }

  /** Undefined while it doesn't listen. */
  get statistics(): ProxyStatistics | undefined {
    return this.#proxy?.statistics
  }

  /** Resolves once it listens, or waits for its address. If it can't listen, it ends. */
  async begin({ output }: Session, listening: (address: AddressInfo) => void): Promise<void> {
    const { listenProxy } = await import('../../../proxy/listen-proxy.js')
    const { options } = this.#plan
    const { signal } = this.#ending
    const way = this.#route instanceof UplinkMonitor ? { group: this.#group } : this.#route
    const listen = () => listenProxy({ ...options, ...way, signal })
    try {
      await bindBeside(listen, options.host!, { output, signal }, 'proxy', proxy => {
        this.#proxy = proxy
        listening(proxy.address())
      })
    } catch (error) {
      await this.end()
      throw error
    }
  }

  /** Switches to the plan if that needs no other proxy. */
  take(plan: ProxyPlan): boolean {
    if (!this.#proxy || !isDeepStrictEqual(fixedPart(plan), fixedPart(this.#plan))) return false
    this.#proxy.configure(accessOf(plan))
    this.#plan = plan
    return true
  }

  async end(): Promise<void> {
    this.#ending.abort()
    await Promise.all([this.#proxy?.close(), this.#group?.close()])
    this.#proxy = undefined
  }
}

function accessOf({ options: { allow, users, allowTargets } }: ProxyPlan): ProxyAccess {
  return { allow, users, allowTargets: allowTargets ?? [] }
}

/** Whether the change needs a new proxy. `allow` and `users` that are new or gone do too: each decides what the other's absence means. */
function fixedPart({ options: { allow, users, allowTargets: _, ...options }, choice }: ProxyPlan) {
  return { options, choice, given: [allow, users].map(value => value !== undefined) }
}
