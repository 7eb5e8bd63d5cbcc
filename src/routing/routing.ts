import { EventEmitter } from 'node:events'
import { invalidArgument, type NetviaError } from '../errors.js'
import { UplinkMonitor, watchedUplinks } from '../monitor/monitor.js'
import { isolatedContext } from '../runtime/context.js'
import { unref } from '../runtime/timers.js'
import { type DeviceChange, onDeviceChange } from '../system/netlink/changes.js'
import { affectsRouting } from './affecting-changes.js'
import { isLasting } from './apply.js'
import { choose } from './choice.js'
import { type Entries, entriesOf, routeId } from './entries.js'
import type { DefaultRouteSnapshot, RoutingEvents, RoutingSnapshot, RoutingWarning } from './event-types.js'
import { Flusher } from './flusher.js'
import { foreignTables, refuseTableInUse } from './foreign-tables.js'
import { Installed } from './installed.js'
import { hasIPv6, type KernelTables, readKernel, type UplinkFacts, uplinkFacts } from './kernel-tables.js'
import { multipathRemarks } from './multipath-hash.js'
import { type RoutingOptions, type RoutingSettings, routingSettings } from './options.js'
import { planFamily } from './plan.js'
import { Refusals } from './refusals.js'
import { retryStart } from './retry-start.js'
import { TableNumbers } from './table-numbers.js'
import { unreachedRules } from './unreached-rules.js'
import { uplinkSnapshot } from './uplink-snapshot.js'

/** Changes come in bursts: the kernel's tables are read once for all within this time, in ms. */
const settleTime = 20
/** So many readings in a row may each be overtaken by a change; the last one has to do, because some changes never end. */
const maxReadings = 10

type Family = 4 | 6

/**
 * Sets the default route of this machine by the states a monitor sees, for all that it forwards and sends. It needs CAP_NET_ADMIN
 * and Linux 4.17. Its routes and rules carry protocol 77, and it touches no others.
 *
 * Only one can run in a network namespace. If its process is killed, its routes stay in force, and the next one takes them over.
 * It does not keep the process alive: the monitor does.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE`, also for an uplink without a `device`.
 */
export class UplinkRouting extends EventEmitter<RoutingEvents> {
  readonly #monitor: UplinkMonitor
  readonly #settings: RoutingSettings
  readonly #tables: TableNumbers
  readonly #inContext = isolatedContext()
  readonly #flusher = new Flusher(error =>
    this.#warn('conntrack', `connections are not moved to another uplink: ${error.message}`, error),
  )
  /** From `start()` to the end of `stop()`. */
  #installed: Installed | undefined
  #unfollow: (() => void) | undefined
  #families: readonly Family[] = []
  #facts: readonly UplinkFacts[] = []
  /** Names of uplinks. */
  #inForce: Record<Family, readonly string[]> = { 4: [], 6: [] }
  #isStale = false
  #reading: Promise<void> | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  readonly #refusals = new Refusals(
    (message, error) => this.#warn('kernel', message, error),
    () => this.#refresh(),
  )

  constructor(monitor: UplinkMonitor, options: RoutingOptions = {}) {
    super()
    if (!(monitor instanceof UplinkMonitor))
      throw invalidArgument('UplinkRouting: monitor', monitor, 'an UplinkMonitor')
    this.#settings = routingSettings(options)
    for (const { uplink } of watchedUplinks(monitor)) {
      if (uplink.device === undefined)
        throw invalidArgument(`UplinkRouting: device of uplink ${uplink.name}`, undefined, 'given')
    }
    this.#monitor = monitor
    this.#tables = new TableNumbers(this.#settings.table + 1)
  }

  /**
   * Sets the routes and rules, or takes over those of a process that was killed, and follows the monitor and the kernel from now on.
   * Nothing happens if it runs already. A route that the kernel refuses is a `warning`, and is tried again.
   *
   * @throws NetviaError `EPERM` without CAP_NET_ADMIN; `EOPNOTSUPP` if the kernel has only one table; `ERR_ROUTING_IN_USE` where another one
   * runs, or another program has a default route in `table`. The routes and rules are as before then.
   */
  start(): Promise<void> {
    this.#starting ??= retryStart(() => this.#start()).finally(() => {
      this.#starting = undefined
      if (this.#isStale && this.#unfollow) this.#refresh()
    })
    return this.#starting
  }

  /** Removes all that is ours: the main table decides again. Resolves when nothing is left. Nothing happens if it doesn't run. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined
    })
    return this.#stopping
  }

  /** The same as `stop()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** The routes in force, as plain JSON. */
  snapshot(): RoutingSnapshot {
    const running = this.#unfollow !== undefined
    return { running, ipv4: this.#route(4), ipv6: this.#route(6), uplinks: this.#facts.map(uplinkSnapshot) }
  }

  #route(family: Family): DefaultRouteSnapshot | undefined {
    if (!this.#unfollow || !this.#families.includes(family)) return undefined
    return { uplinks: this.#inForce[family], unreachable: this.#isRefused(family) }
  }

  /** Without an uplink that has a default route of the family, others may have one: they are refused only if all uplinks are down. */
  #isRefused(family: Family): boolean {
    if (this.#inForce[family].length > 0 || this.#settings.whenAllDown === 'keep') return false
    return this.#facts.some(uplink => uplink[family]) || this.#down().length === watchedUplinks(this.#monitor).length
  }

  async #start(): Promise<void> {
    await this.#stopping
    if (this.#installed) return
    const later = (ms: number) => unref(setTimeout(() => this.#refresh(), ms))
    this.#installed = new Installed(message => this.#warn('interference', message), later)
    try {
      this.#follow()
      const { policy, ipv4, ipv6, rulePriority } = this.#settings
      this.#families = ([4, 6] as const).filter(family => (family === 4 ? ipv4 : ipv6 && hasIPv6()))
      const kernel = await readKernel()
      this.#refusals.report(this.#takeOver(kernel))
      const remarks = policy === 'weighted' ? multipathRemarks(this.#families) : []
      for (const text of [...remarks, ...unreachedRules(kernel.rules, rulePriority)]) this.#warn('configuration', text)
    } catch (error) {
      this.#end()
      throw error
    }
  }

  #follow(): void {
    const unsubscribe = onDeviceChange(this.#onChange)
    this.#monitor.on('state', this.#onState)
    this.#monitor.on('configure', this.#onConfigure)
    this.#unfollow = () => {
      unsubscribe()
      this.#monitor.off('state', this.#onState)
      this.#monitor.off('configure', this.#onConfigure)
    }
  }

  async #stop(): Promise<void> {
    await this.#starting?.catch(() => {})
    if (!this.#unfollow) return
    this.#unfollow()
    this.#unfollow = undefined
    await Promise.all([this.#reading, this.#flusher.idle()])
    try {
      const kernel = await readKernel().catch(() => undefined)
      // What it has set itself is known all the same.
      if (kernel) this.#installed!.adopt(kernel)
      const error = this.#installed!.set(new Map())
      if (error) throw error
    } finally {
      this.#end()
    }
  }

  #end(): void {
    this.#unfollow?.()
    this.#unfollow = undefined
    this.#refusals.end()
    this.#installed?.close()
    this.#installed = undefined
    this.#isStale = false
    this.#inForce = { 4: [], 6: [] }
    this.#facts = []
  }

  /** Leaves the current routes in force until there is a reason to change them. Returns a refusal that may be over soon. */
  #takeOver(kernel: KernelTables): NetviaError | undefined {
    refuseTableInUse(this.#settings.table, foreignTables(kernel))
    this.#learn(kernel)
    this.#installed!.adopt(kernel)
    const before = this.#installed!.entries
    for (const family of this.#families) {
      const indexes = before.get(routeId(family, this.#settings.table))?.devices ?? []
      const uplinks = this.#facts.filter(({ index }) => index !== undefined && indexes.includes(index))
      this.#inForce[family] = uplinks.map(({ name }) => name)
    }
    const error = this.#apply()
    if (!error || !isLasting(error)) return error
    this.#installed!.set(before)
    throw error
  }

  #learn(kernel: KernelTables): void {
    const routed = watchedUplinks(this.#monitor).flatMap(({ uplink }) => (uplink.device === undefined ? [] : uplink))
    const names = routed.map(({ name }) => name)
    const tables = this.#tables.assign(names, foreignTables(kernel))
    this.#facts = routed.map(uplink => uplinkFacts(uplink, tables.get(uplink.name)!, kernel))
    this.#flusher.learn(this.#facts)
  }

  readonly #onState = (): void => {
    if (!this.#starting) this.#refusals.report(this.#apply())
  }

  readonly #onConfigure = (): void => {
    for (const { uplink } of watchedUplinks(this.#monitor)) {
      if (uplink.device === undefined)
        this.#warn('configuration', `uplink ${uplink.name} has no device: it is left out of the routes`)
    }
    this.#refresh()
  }

  readonly #onChange = (change: DeviceChange): void => {
    const devices = watchedUplinks(this.#monitor).map(({ uplink }) => uplink.device)
    const tables = [this.#settings.table, ...this.#facts.map(({ table }) => table)]
    if (!affectsRouting(change, devices, tables)) return
    this.#installed!.follow(
      change,
      this.#facts.flatMap(({ index }) => index ?? []),
    )
    this.#refresh()
  }

  /** Reads what the kernel has, soon, and sets right what is not as it should be. */
  #refresh(): void {
    this.#isStale = true
    if (this.#starting || !this.#unfollow) return
    this.#reading ??= this.#readUntilSettled()
      .catch(error => this.#refusals.report(error, 'the routes could not be read'))
      .finally(() => {
        this.#reading = undefined
      })
  }

  async #readUntilSettled(): Promise<void> {
    for (let overtaken = 0; this.#isStale && this.#unfollow; overtaken++) {
      await new Promise(resolve => setTimeout(resolve, settleTime))
      this.#isStale = false
      const before = this.#installed?.entries
      const kernel = await readKernel()
      if (!this.#unfollow) return
      // A state has changed meanwhile, and with it what was being read.
      if (this.#installed!.entries !== before) this.#isStale = true
      else if (!this.#isStale || overtaken === maxReadings) {
        overtaken = 0
        this.#refusals.report(this.#apply(kernel))
      }
    }
  }

  /** Reads the kernel's newest routes, chooses by the current states, and sets the routes. Returns the first refusal. */
  #apply(kernel?: KernelTables): NetviaError | undefined {
    if (kernel) this.#learn(kernel)
    const before = this.#inForce
    this.#inForce = { 4: this.#chosen(4), 6: this.#chosen(6) }
    const wanted = this.#wanted()
    if (kernel) this.#installed!.compare(kernel, wanted)
    const error = this.#installed!.set(wanted)
    if (this.#settings.flushConnections) this.#flusher.left(this.#down(), this.#inForce)
    for (const family of this.#families) {
      const [from, to] = [before[family], this.#inForce[family]]
      if (from.join('\0') !== to.join('\0')) this.#publish('change', { family, from, to, at: Date.now() })
    }
    return error
  }

  #chosen(family: Family): readonly string[] {
    if (!this.#families.includes(family)) return []
    const routed = new Set(this.#facts.filter(uplink => uplink[family]).map(({ name }) => name))
    const candidates = watchedUplinks(this.#monitor).filter(({ uplink }) => routed.has(uplink.name))
    return choose(candidates, this.#inForce[family], this.#settings).map(({ uplink }) => uplink.name)
  }

  #wanted(): Entries {
    return entriesOf(
      this.#families.flatMap(family => {
        const inForce = this.#facts.filter(({ name }) => this.#inForce[family].includes(name))
        return planFamily(family, this.#facts, inForce, this.#isRefused(family), this.#settings)
      }),
    )
  }

  #down(): string[] {
    return watchedUplinks(this.#monitor).flatMap(({ state, uplink }) => (state === 'down' ? uplink.name : []))
  }

  #warn(source: RoutingWarning['source'], message: string, error?: unknown): void {
    this.#publish('warning', { source, message, error, at: Date.now() })
  }

  #publish<K extends keyof RoutingEvents>(name: K, ...[event]: RoutingEvents[K]): void {
    this.#inContext(() => (this as EventEmitter).emit(name, event))
  }
}
