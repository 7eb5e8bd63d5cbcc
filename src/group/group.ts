import type { Agent } from 'node:http'
import type { Socket } from 'node:net'
import { invalidArgument, NetviaError } from '../errors.js'
import { UplinkMonitor, watchedUplinks } from '../monitor/monitor.js'
import type { ConfigureEvent, StateEvent } from '../monitor/record/event-types.js'
import type { Uplink } from '../monitor/settings.js'
import { checkOptions, type PathOptions, pathOf, string } from '../options.js'
import type { AddressType, DnsRecord, RecordData, ResolvedAddress } from '../protocols/dns/records.js'
import { resolve, resolveSchema } from '../protocols/dns/resolve.js'
import { fetchSchema } from '../protocols/http/fetch.js'
import { connect, connectOnPath } from '../protocols/tcp/connect.js'
import { connectSchema, type DialOptions } from '../protocols/tcp/dial.js'
import { toAbortSignal } from '../runtime/cancel.js'
import type { GroupAttempts } from './attempts.js'
import { type GroupConnectOptions, type GroupFetchInit, type GroupResolveOptions, withoutPath } from './call-options.js'
import { Connections } from './connections.js'
import type { FetchInput, GroupDispatcher } from './fetch-types.js'
import { GroupHttpAgent, GroupHttpsAgent, type PoolSource } from './group-agent.js'
import { GroupPools, hostOf } from './group-dispatcher.js'
import { type GroupOptions, groupDefaults, groupSchema } from './options.js'
import type { PickedUplink } from './picked-uplink.js'
import { type Candidate, createPolicy, leastBad, type Policy, preferredUsable, usable } from './policies.js'
import { isFinal, isLost, openOver, type RaceDelay, raceDelay } from './race.js'

const connectOptions = { ...withoutPath(connectSchema), key: string }
const fetchOptions = { ...withoutPath(fetchSchema), key: string }
const resolveOptions = { ...withoutPath(resolveSchema), key: string }

/** @internal For a proxy, which tries one uplink after another. */
export let attemptsOf: (group: UplinkGroup) => GroupAttempts

/**
 * Chooses an uplink for each new connection, by the states of a monitor. The policy chooses among the 'up' uplinks, or else the
 * 'degraded', or else the 'unknown' ones. Without `race`, a connection tries another one only if that uplink can't send: its device or
 * address is gone, or the device was set down. It fails if the monitor hasn't noticed an outage behind the device.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE`.
 */
export class UplinkGroup {
  readonly #monitor: UplinkMonitor
  readonly #options: GroupOptions
  #policy: Policy
  readonly #whenAllDown: 'fail' | 'least-bad'
  readonly #cutConnections: boolean
  readonly #race: RaceDelay | undefined
  readonly #attempts: GroupAttempts
  /** The connections of `connect`, and those being opened. */
  readonly #connections = new Connections()
  /** Raced connections of the pools. A pool can hold connections of another uplink. */
  readonly #pooled = new Connections()
  readonly #source: PoolSource = {
    pick: host => this.#choose(host).uplink,
    connector: uplink => options => this.#connectFor(uplink, options),
  }
  readonly #pools = new GroupPools(this.#source)
  /** Uplinks that went down while no other was better, with the error for cutting their connections. */
  readonly #spared = new Map<string, NetviaError>()
  #httpAgent: GroupHttpAgent | undefined
  #httpsAgent: GroupHttpsAgent | undefined
  #dispatcher: GroupDispatcher | undefined
  #closed = false

  static {
    attemptsOf = group => ({
      first: key => group.#choose(key).uplink,
      next: tried => group.#next(tried),
      goesOn: error => !isFinal(error),
      delay: name => raceDelay(group.#race, group.#watched(name)?.facts().latencyMs ?? null),
      learned: (name, worked) => group.#learned(name, worked),
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
    this.#whenAllDown = options.whenAllDown ?? groupDefaults.whenAllDown
    this.#cutConnections = options.cutConnections ?? groupDefaults.cutConnections
    this.#race = options.race
    const attempts = attemptsOf(this)
    this.#attempts = this.#race === undefined ? { ...attempts, goesOn: isLost } : attempts
    monitor.on('state', this.#onState)
    monitor.on('configure', this.#onConfigure)
  }

  /**
   * Picks the uplink for a new connection. Each call counts as one: 'weighted' moves on to the next. `key` is for 'sticky'.
   *
   * @throws NetviaError `ERR_NO_UPLINK` when all are down, unless `whenAllDown` is 'least-bad'; `ERR_INVALID_ARG_VALUE`.
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
    const { uplink, value: socket } = await openOver(this.#attempts, this.#choose(key).uplink, signal, {
      open: (path, signal) => connect({ ...rest, ...pathOf(path), signal: toAbortSignal(signal) }),
      discard: late => late.destroy(),
    })
    this.#connections.track(uplink.name, socket)
    return socket
  }

  /** `resolve` over the picked uplink. */
  async resolve(name: string, options?: GroupResolveOptions & { type?: AddressType }): Promise<ResolvedAddress[]>
  async resolve<T extends keyof RecordData>(
    name: string,
    options: GroupResolveOptions & { type: T },
  ): Promise<DnsRecord<T>[]>
  async resolve(name: string, options: GroupResolveOptions): Promise<ResolvedAddress[] | DnsRecord[]>
  async resolve(name: string, options: GroupResolveOptions = {}): Promise<ResolvedAddress[] | DnsRecord[]> {
    const { key = name, signal, ...rest } = checkOptions('UplinkGroup.resolve', options, resolveOptions)
    const { value } = await openOver(this.#attempts, this.#choose(key).uplink, signal, {
      open: (path, signal) => resolve(name, { ...rest, ...pathOf(path), signal: toAbortSignal(signal) }),
      discard: () => {},
    })
    return value
  }

  /** Agent for any library that accepts Node agents. Every request follows the group, and so do idle connections. */
  get httpAgent(): Agent {
    this.#httpAgent ??= new GroupHttpAgent(this.#source)
    return this.#httpAgent
  }

  /** The same for https. */
  get httpsAgent(): Agent {
    this.#httpsAgent ??= new GroupHttpsAgent(this.#source)
    return this.#httpsAgent
  }

  /**
   * Dispatcher for undici's `fetch`, `request` and similar calls. Every request follows the group.
   *
   * @throws NetviaError `ERR_UNDICI_NOT_FOUND` if the package undici is not installed; `ERR_UNSUPPORTED_RUNTIME` in Bun, whose own
   * undici ignores dispatchers.
   */
  get dispatcher(): GroupDispatcher {
    this.#dispatcher ??= this.#pools.dispatcher()
    return this.#dispatcher
  }

  /**
   * undici's `fetch` over the picked uplink, including redirects. `key` is the key for 'sticky'; default: the host.
   *
   * @throws NetviaError `ERR_NO_UPLINK`, `ERR_UNDICI_NOT_FOUND`. Without an answer it throws a `TypeError` with a `cause`, like
   * any fetch.
   */
  async fetch(input: FetchInput, init: GroupFetchInit = {}): Promise<Response> {
    const { key = hostOf(input), ...rest } = checkOptions('UplinkGroup.fetch', init, fetchOptions)
    return this.#pools.fetch(this.#choose(key).uplink, input, rest)
  }

  /**
   * Moves connections to the uplink that 'failover' prefers now, regardless of `failback`. New connections use it. Connections
   * from `connect` on other uplinks are destroyed with `ERR_UPLINK_LEFT`, idle ones are closed, and requests in progress
   * complete.
   *
   * @throws NetviaError `ERR_NO_UPLINK` when all are down; `ERR_INVALID_STATE` with a policy other than 'failover'.
   */
  moveBack(): PickedUplink {
    const { policy, failback } = this.#options
    if (policy !== 'failover') {
      throw new NetviaError(`moveBack: policy ${policy} prefers no uplink`, { code: 'ERR_INVALID_STATE' })
    }
    // A new policy forgets the uplink in use.
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

  /**
   * Stops following the monitor and closes the pools. Connections from `connect` stay open; they belong to their owners. Later
   * calls are refused with `ERR_INVALID_STATE`.
   */
  async close(): Promise<void> {
    this.#closed = true
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
    if (this.#closed) throw new NetviaError('the group is closed', { code: 'ERR_INVALID_STATE' })
    const candidates = watchedUplinks(this.#monitor)
    const working = usable(candidates)
    if (working.length > 0) {
      const chosen = this.#policy(working, key, candidates)
      // A suspicion is short: it must not change what the policy remembers.
      return this.#race !== undefined && chosen.suspect ? preferredUsable(candidates)! : chosen
    }
    // An uplink forced out of use is not among the least bad.
    const inUse = candidates.filter(({ forced }) => !forced)
    if (this.#whenAllDown === 'least-bad' && inUse.length > 0) return leastBad(inUse)
    const states = candidates.map(candidate => `${candidate.uplink.name} (${candidate.facts().reason})`)
    throw new NetviaError(`no uplink works: ${states.join(', ')}`, { code: 'ERR_NO_UPLINK' })
  }

  /** Bypasses the policy, whose memory must not change after one failed connection. */
  #next(tried: ReadonlySet<string>): Uplink | undefined {
    return preferredUsable(watchedUplinks(this.#monitor).filter(({ uplink }) => !tried.has(uplink.name)))?.uplink
  }

  #watched(name: string) {
    return watchedUplinks(this.#monitor).find(({ uplink }) => uplink.name === name)
  }

  #learned(name: string, worked: boolean): void {
    const watched = this.#watched(name)
    watched?.learn(worked)
    if (!worked && this.#race !== undefined) watched?.suspectSilence()
  }

  /** For the pool of an uplink. Without a race, nearly all connections need no other uplink. */
  async #connectFor(own: Uplink, options: DialOptions): Promise<{ socket: Socket; path: PathOptions }> {
    if (this.#race !== undefined) return this.#connectPooled(own, options)
    try {
      return await connectOnPath(options)
    } catch (error) {
      if (!isLost(error)) throw error
      return this.#connectPooled(own, options)
    }
  }

  /** For the pool of an uplink. It must not keep what another uplink connected: the pool is left then. */
  async #connectPooled(own: Uplink, options: DialOptions): Promise<{ socket: Socket; path: PathOptions }> {
    const { uplink, value: socket } = await openOver(this.#attempts, own, options.signal, {
      open: (path, signal) =>
        connect({ ...options, ...(path === own ? {} : pathOf(path)), signal: toAbortSignal(signal) }),
      discard: late => late.destroy(),
    })
    this.#pooled.track(uplink.name, socket)
    if (uplink.name !== own.name) this.#leave(own.name, undefined)
    return { socket, path: pathOf(uplink) }
  }

  #onState = ({ uplink, to, reason }: StateEvent): void => {
    this.#spared.delete(uplink)
    if (to === 'down') {
      const error = new NetviaError(`uplink ${uplink} went down: ${reason}`, { code: 'ERR_UPLINK_DOWN' })
      if (this.#cutConnections) this.#spared.set(uplink, error)
      else this.#leave(uplink, undefined)
    }
    // While no uplink is better, a connection that is cut has nowhere to go.
    if (this.#spared.size === 0 || usable(watchedUplinks(this.#monitor)).length === 0) return
    for (const [name, error] of this.#spared) {
      this.#connections.cut(name, error)
      this.#pooled.cut(name, error)
      // With a race its pools may hold connections of others.
      this.#leave(name, this.#race === undefined ? error : undefined)
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
