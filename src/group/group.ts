import type { Agent } from 'node:http'
import type { Socket } from 'node:net'
import { invalidArgument, NetviaError } from '../errors.js'
import { UplinkMonitor, watchedUplinks } from '../monitor/monitor.js'
import type { ConfigureEvent, StateEvent } from '../monitor/record/reports.js'
import type { Uplink } from '../monitor/settings.js'
import type { UplinkState } from '../monitor/state/state-machine.js'
import {
  boolean,
  checkOptions,
  milliseconds,
  oneOf,
  type PathOptions,
  pathOf,
  type Schema,
  string,
} from '../options.js'
import type { AddressType, DnsRecord, RecordData, ResolvedAddress } from '../protocols/dns/records.js'
import { resolve, resolveSchema } from '../protocols/dns/resolve.js'
import { fetchSchema } from '../protocols/http/fetch.js'
import { connect } from '../protocols/tcp/connect.js'
import { connectSchema } from '../protocols/tcp/dial.js'
import type { GroupAttempts } from './attempts.js'
import { type GroupConnectOptions, type GroupFetchInit, type GroupResolveOptions, withoutPath } from './call-options.js'
import { Connections } from './connections.js'
import type { FetchInput, GroupDispatcher } from './fetch-types.js'
import { GroupHttpAgent, GroupHttpsAgent } from './group-agent.js'
import { GroupPools, hostOf } from './group-dispatcher.js'
import {
  type Candidate,
  createPolicy,
  type Failback,
  leastBad,
  type Policy,
  type PolicyName,
  preferred,
  usable,
} from './policies.js'

/** How a group chooses. */
export interface GroupOptions {
  /**
   * 'failover': the lowest `priority` that works. 'weighted': new connections in turn, by `weight`. 'lowest-latency': the
   * fastest, left only for one at least a fifth faster. 'sticky': by key, always the same while it works.
   */
  policy: PolicyName
  /**
   * 'fail' rejects with `ERR_NO_UPLINK`; 'least-bad' tries the one with a link and the least loss, unless it was forced down. Default
   * 'fail'.
   */
  whenAllDown?: 'fail' | 'least-bad'
  /**
   * Destroys the connections of an uplink that goes down, with `ERR_UPLINK_DOWN`, as soon as another one can take them. Default
   * false: they may live through it.
   */
  cutConnections?: boolean
  /**
   * Of 'failover' alone: when new connections go back to a better uplink that works again. 'now'; 'never', as long as the one in
   * use works; or after so many milliseconds in its new state. See also `moveBack()`. Default 'now'.
   */
  failback?: Failback
}

/** The uplink a new connection takes. */
export interface PickedUplink {
  /** As in the monitor's options. */
  name: string
  /** As the monitor sees it now. */
  state: UplinkState
  /** The device of its path; undefined where the path has none. */
  device: string | undefined
  /** For any call of netvia: `ping(host, group.pick().path)`. */
  path: PathOptions
  /** As in the monitor's options; the lowest is preferred. */
  priority: number
  /** As in the monitor's options. */
  weight: number
}

const groupSchema = {
  policy: oneOf('failover', 'weighted', 'lowest-latency', 'sticky'),
  whenAllDown: oneOf('fail', 'least-bad'),
  cutConnections: boolean,
  failback: (value, name) => (value === 'now' || value === 'never' ? value : milliseconds(value, name)),
} satisfies Schema

const connectOptions = { ...withoutPath(connectSchema), key: string }
const fetchOptions = { ...withoutPath(fetchSchema), key: string }
const resolveOptions = { ...withoutPath(resolveSchema), key: string }

/** @internal For a proxy, which tries one uplink after another. */
export let attemptsOf: (group: UplinkGroup) => GroupAttempts

/**
 * Chooses an uplink for each new connection, from the states a monitor sees: of those that are 'up', or else 'degraded', or
 * else 'unknown', the one the policy says. A connection tries that uplink alone: it fails if the monitor did not know yet.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE`.
 */
export class UplinkGroup {
  readonly #monitor: UplinkMonitor
  readonly #options: GroupOptions
  #policy: Policy
  readonly #whenAllDown: 'fail' | 'least-bad'
  readonly #cutConnections: boolean
  readonly #connections = new Connections()
  readonly #pools = new GroupPools()
  /** Uplinks that went down while none was better: why their connections will be cut. */
  readonly #spared = new Map<string, NetviaError>()
  #httpAgent: GroupHttpAgent | undefined
  #httpsAgent: GroupHttpsAgent | undefined
  #dispatcher: GroupDispatcher | undefined

  static {
    attemptsOf = group => ({
      first: key => group.#choose(key).uplink,
      next: tried => group.#next(tried),
      onCut: (uplink, cut) => group.#connections.add(uplink, cut),
    })
  }

  constructor(monitor: UplinkMonitor, given: GroupOptions) {
    if (!(monitor instanceof UplinkMonitor)) throw invalidArgument('UplinkGroup: monitor', monitor, 'an UplinkMonitor')
    const options = checkOptions('UplinkGroup', given, groupSchema, ['policy'])
    this.#monitor = monitor
    const { policy, failback } = options
    if (failback !== undefined && policy !== 'failover') {
      throw invalidArgument('UplinkGroup: failback', failback, `left out with policy ${policy}`)
    }
    this.#options = options
    this.#policy = createPolicy(policy, failback)
    this.#whenAllDown = options.whenAllDown ?? 'fail'
    this.#cutConnections = options.cutConnections ?? false
    monitor.on('state', this.#onState)
    monitor.on('configure', this.#onConfigure)
  }

  /**
   * The uplink for a new connection. Each call counts as one: 'weighted' goes on to the next. `key` is what 'sticky' goes by.
   *
   * @throws NetviaError `ERR_NO_UPLINK` when all are down, unless the group takes the least bad one then; `ERR_INVALID_ARG_VALUE`.
   */
  pick(key = ''): PickedUplink {
    if (typeof key !== 'string') throw invalidArgument('UplinkGroup.pick: key', key, 'a string')
    const { uplink, state } = this.#choose(key)
    const { name, device, priority, weight } = uplink
    return { name, state, device, path: pathOf(uplink), priority, weight }
  }

  /** `connect` over the picked uplink. */
  async connect(given: GroupConnectOptions): Promise<Socket> {
    const options = checkOptions('UplinkGroup.connect', given, connectOptions, ['host', 'port'])
    const { key = options.host, signal, ...rest } = options
    const { uplink } = this.#choose(key)
    const controller = new AbortController()
    const onAbort = () => controller.abort(signal!.reason)
    signal?.throwIfAborted()
    signal?.addEventListener('abort', onAbort)
    const done = this.#connections.add(uplink.name, error => controller.abort(error))
    try {
      const socket = await connect({ ...rest, ...pathOf(uplink), signal: controller.signal })
      socket.once(
        'close',
        this.#connections.add(uplink.name, error => socket.destroy(error)),
      )
      return socket
    } finally {
      done()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** `resolve` over the picked uplink. */
  async resolve(name: string, options?: GroupResolveOptions & { type?: AddressType }): Promise<ResolvedAddress[]>
  async resolve<T extends keyof RecordData>(
    name: string,
    options: GroupResolveOptions & { type: T },
  ): Promise<DnsRecord<T>[]>
  async resolve(name: string, options: GroupResolveOptions): Promise<ResolvedAddress[] | DnsRecord[]>
  async resolve(name: string, options: GroupResolveOptions = {}): Promise<ResolvedAddress[] | DnsRecord[]> {
    const { key = name, ...rest } = checkOptions('UplinkGroup.resolve', options, resolveOptions)
    return resolve(name, { ...rest, ...pathOf(this.#choose(key).uplink) })
  }

  /** For anything that takes a Node agent. Every request follows the group, idle connections included. */
  get httpAgent(): Agent {
    this.#httpAgent ??= new GroupHttpAgent(host => this.#choose(host).uplink)
    return this.#httpAgent
  }

  /** The same for https. */
  get httpsAgent(): Agent {
    this.#httpsAgent ??= new GroupHttpsAgent(host => this.#choose(host).uplink)
    return this.#httpsAgent
  }

  /**
   * For undici's `fetch`, `request` and the like: every request follows the group.
   *
   * @throws NetviaError `ERR_UNDICI_NOT_FOUND` where the package undici is not installed.
   */
  get dispatcher(): GroupDispatcher {
    this.#dispatcher ??= this.#pools.dispatcher(host => this.#choose(host).uplink)
    return this.#dispatcher
  }

  /**
   * undici's `fetch` over the picked uplink, redirects included. `key` is what 'sticky' goes by; default: the host.
   *
   * @throws NetviaError `ERR_NO_UPLINK`, `ERR_UNDICI_NOT_FOUND`. As with any fetch, no answer is a `TypeError` with a `cause`.
   */
  async fetch(input: FetchInput, init: GroupFetchInit = {}): Promise<Response> {
    const { key = hostOf(input), ...rest } = checkOptions('UplinkGroup.fetch', init, fetchOptions)
    return this.#pools.fetch(this.#choose(key).uplink, input, rest)
  }

  /**
   * Moves what is on other uplinks to the one that 'failover' prefers now, whatever `failback` says: new connections take it, those of
   * `connect` on other uplinks are destroyed with `ERR_UPLINK_LEFT`, idle ones are closed, and requests under way are completed.
   *
   * @throws NetviaError `ERR_NO_UPLINK` when all are down; `ERR_INVALID_STATE` with a policy other than 'failover'.
   */
  moveBack(): PickedUplink {
    const { policy, failback } = this.#options
    if (policy !== 'failover') {
      throw new NetviaError(`moveBack: policy ${policy} prefers no uplink`, { code: 'ERR_INVALID_STATE' })
    }
    // Without a memory of the one in use.
    this.#policy = createPolicy(policy, failback)
    const picked = this.pick()
    for (const { uplink } of watchedUplinks(this.#monitor)) {
      if (uplink.name === picked.name) continue
      const message = `uplink ${uplink.name} was left for ${picked.name}`
      this.#connections.cut(uplink.name, new NetviaError(message, { code: 'ERR_UPLINK_LEFT' }))
      this.#leave(uplink.name, undefined)
    }
    return picked
  }

  /** Stops following the monitor and closes the pools. Connections of `connect` are their owners'. */
  async close(): Promise<void> {
    this.#monitor.off('state', this.#onState)
    this.#monitor.off('configure', this.#onConfigure)
    this.#httpAgent?.destroy()
    this.#httpsAgent?.destroy()
    await this.#pools.close()
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #choose(key: string): Candidate {
    const candidates = watchedUplinks(this.#monitor)
    const working = usable(candidates)
    if (working.length > 0) return this.#policy(working, key, candidates)
    // Out of use on purpose is not bad.
    const inUse = candidates.filter(({ forced }) => !forced)
    if (this.#whenAllDown === 'least-bad' && inUse.length > 0) return leastBad(inUse)
    const states = candidates.map(candidate => `${candidate.uplink.name} (${candidate.facts().reason})`)
    throw new NetviaError(`no uplink works: ${states.join(', ')}`, { code: 'ERR_NO_UPLINK' })
  }

  /** Not by the policy, whose memory one failed connection must not change. */
  #next(tried: ReadonlySet<string>): Uplink | undefined {
    const working = usable(watchedUplinks(this.#monitor).filter(({ uplink }) => !tried.has(uplink.name)))
    return working.length > 0 ? preferred(working).uplink : undefined
  }

  #onState = ({ uplink, to, reason }: StateEvent): void => {
    this.#spared.delete(uplink)
    if (to === 'down') {
      const error = new NetviaError(`uplink ${uplink} went down: ${reason}`, { code: 'ERR_UPLINK_DOWN' })
      if (this.#cutConnections) this.#spared.set(uplink, error)
      else this.#leave(uplink, undefined)
    }
    // A connection that is cut while nothing is better has nowhere to go.
    if (this.#spared.size === 0 || usable(watchedUplinks(this.#monitor)).length === 0) return
    for (const [name, error] of this.#spared) {
      this.#connections.cut(name, error)
      this.#leave(name, error)
    }
    this.#spared.clear()
  }

  #onConfigure = ({ changed, removed }: ConfigureEvent): void => {
    for (const uplink of [...changed, ...removed]) this.#leave(uplink, undefined)
    for (const uplink of removed) this.#spared.delete(uplink)
  }

  #leave(uplink: string, cut: NetviaError | undefined): void {
    this.#httpAgent?.leave(uplink, cut)
    this.#httpsAgent?.leave(uplink, cut)
    this.#pools.leave(uplink, cut)
  }
}
