import { EventEmitter } from 'node:events'
import { isDeepStrictEqual } from 'node:util'
import { invalidArgument } from '../errors.js'
import { checkOptions, signalCheck } from '../options.js'
import { isolatedContext } from '../runtime/context.js'
import { makeRunner } from './checks/check-runner.js'
import { watchDevices } from './device-watch.js'
import { type ForceOptions, forceOf } from './force-options.js'
import { HistoryFile } from './history/history-file.js'
import { type HookCause, hookEnvironment } from './hook/environment.js'
import { Hook } from './hook/hook.js'
import { LinkHistory } from './link/link-fault.js'
import { watchLinks } from './link/link-watch.js'
import { watchTraffic } from './metered/traffic-watch.js'
import type { MonitorOptions } from './options.js'
import { diagnosticsChannels } from './record/diagnostics-channels.js'
import { EventBuffer, type Streamed } from './record/event-buffer.js'
import type { CheckEvent, MonitorEvents, MonitorSnapshot, StateEvent, WarningEvent } from './record/event-types.js'
import { Force } from './record/force.js'
import { type Saved, StateFile } from './record/state-file.js'
import { spacing } from './round-loop.js'
import { type Settings, settingsOf, type Uplink } from './settings.js'
import { WatchedUplink } from './watched-uplink.js'

/** The monitor's view of the world. Tests replace it. */
const world = () => ({ makeRunner, watchLinks, watchTraffic })
type World = ReturnType<typeof world>

/** For the groups that follow a monitor. */
export let watchedUplinks: (monitor: UplinkMonitor) => readonly WatchedUplink[]
/** Whether the state file has the forces. */
export let keepsForces: (monitor: UplinkMonitor) => boolean

/**
 * Watches the uplinks of a router: runs their checks, follows their links, and keeps a state for each, with the reason.
 *
 * Events: `state` when an uplink changes, `check` for each result, `hook` for each line that the hook prints, `warning` when
 * something beside the checks fails (state file, history, hook, link or traffic watch), `configure` after a change of options. The same
 * go to `diagnostics_channel` as `netvia:monitor:state`, `:check`, `:hook`, `:warning` and `:configure`.
 * While it runs it keeps the process alive.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` naming the option, the uplink and the check that is wrong.
 */
export class UplinkMonitor extends EventEmitter<MonitorEvents> {
  readonly #world: World
  readonly #channels = diagnosticsChannels()
  readonly #inContext = isolatedContext()
  readonly #buffers = new Set<EventBuffer<StateEvent>>()
  readonly #listener = {
    state: (event: StateEvent) => this.#changed(event),
    check: (event: CheckEvent) => {
      this.#history?.check(event)
      this.#publish('check', event)
    },
  }
  #settings: Settings
  #uplinks: Map<string, WatchedUplink>
  #links = new Map<string, LinkHistory>()
  #stateFile: StateFile | undefined
  /** While it runs. */
  #history: HistoryFile | undefined
  #hook: Hook | undefined
  /** Work that earlier options, or a stop, left under way. */
  #leaving: Promise<unknown> = Promise.resolve()
  #unwatch: (() => void) | undefined

  static {
    watchedUplinks = monitor => [...monitor.#uplinks.values()]
    keepsForces = monitor => monitor.#stateFile?.isWritten ?? false
  }

  constructor(options: MonitorOptions)
  /** @internal */
  constructor(options: MonitorOptions, through: Partial<World>)
  constructor(options: MonitorOptions, through: Partial<World> = {}) {
    super()
    // Groups, proxies and pages follow one monitor: eleven are no leak.
    this.setMaxListeners(Number.POSITIVE_INFINITY)
    this.#world = { ...world(), ...through }
    this.#settings = settingsOf(options)
    this.#uplinks = new Map(this.#settings.uplinks.map(uplink => [uplink.name, this.#watched(uplink)]))
    this.#stateFile = this.#openStateFile()
    this.#restore()
  }

  /** Begins the rounds. Nothing happens if it runs already. */
  start(): void {
    if (this.#unwatch) return
    this.#hook = this.#openHook()
    this.#callHookForAll('start')
    this.#beginHistory()
    this.#watch()
    this.#startAll(this.#uplinks.values())
  }

  /**
   * Switches to other options, whether it runs or not. An unchanged uplink continues undisturbed. A changed one
   * keeps its state while name and path are the same, and starts its rounds, loss and latency again. Others begin as 'unknown'.
   * Resolves when no check of the previous options is running any more.
   *
   * @throws NetviaError `ERR_INVALID_ARG_VALUE`, as the constructor; nothing has changed then.
   */
  async configure(options: MonitorOptions): Promise<void> {
    const settings = settingsOf(options)
    const [before, uplinks] = [this.#settings, this.#uplinks]
    this.#settings = settings
    this.#uplinks = new Map(
      settings.uplinks.map(uplink => [uplink.name, this.#succeed(uplinks.get(uplink.name), uplink)]),
    )
    const fresh = [...this.#uplinks.values()].filter(watched => uplinks.get(watched.uplink.name) !== watched)
    const gone = [...uplinks.values()].filter(watched => this.#uplinks.get(watched.uplink.name) !== watched)
    for (const watched of gone) watched.takeForce()
    const leaving: (Promise<unknown> | undefined)[] = gone.map(watched => watched.stop())
    if (settings.stateFile !== before.stateFile) {
      leaving.push(this.#stateFile?.save(false))
      this.#stateFile = this.#openStateFile()
    }
    if (!isDeepStrictEqual([settings.hook, settings.hookTimeout], [before.hook, before.hookTimeout])) {
      if (this.#hook && settings.hook) this.#hook.configure(settings.hook, settings.hookTimeout)
      else {
        leaving.push(this.#hook?.stop())
        this.#hook = this.#unwatch && this.#openHook()
      }
    }
    this.#leaving = Promise.all([this.#leaving, ...leaving])
    if (this.#unwatch) {
      if (settings.history === before.history) this.#history?.follow(this.snapshot().uplinks)
      else this.#beginHistory()
      this.#callHookForAll('configure')
      this.#unwatch()
      this.#watch()
      this.#startAll(fresh)
      this.#stateFile?.save()
    }
    const names = (some: WatchedUplink[], test: (name: string) => boolean) =>
      some.map(({ uplink }) => uplink.name).filter(test)
    this.#publish('configure', {
      added: names(fresh, name => !uplinks.has(name)),
      changed: names(fresh, name => uplinks.has(name)),
      removed: names(gone, name => !this.#uplinks.has(name)),
      at: Date.now(),
    })
    await this.#leaving
  }

  /**
   * Ends the rounds: resolves when no check, hook or write is left. Hooks get 5 seconds to finish; what runs after that is killed.
   * States stay as they are, and `start()` continues from them.
   */
  async stop(): Promise<void> {
    if (this.#unwatch) this.#leaving = this.#end(this.#unwatch)
    await this.#leaving
  }

  async #end(unwatch: () => void): Promise<void> {
    // `start()` may make others before the end of this.
    const [hook, history, buffers, leaving] = [this.#hook, this.#history, [...this.#buffers], this.#leaving]
    this.#unwatch = this.#history = this.#hook = undefined
    unwatch()
    const rounds = [...this.#uplinks.values()].map(watched => watched.stop())
    history?.end()
    await Promise.all(rounds)
    await Promise.all([this.#stateFile?.save(false), hook?.stop(), leaving])
    for (const buffer of buffers) buffer.end()
  }

  /**
   * Puts an uplink into a state, whatever its checks and its link say. They continue. 'auto' lets them decide again.
   * A force survives `configure()`, and a restart if there is a `stateFile`. Resolves when the state file has it, or can't be written.
   *
   * @throws NetviaError `ERR_INVALID_ARG_VALUE`, also for a name that no uplink has.
   */
  async force(name: string, state: 'up' | 'down' | 'auto', options: ForceOptions = {}): Promise<void> {
    const watched = this.#uplinks.get(name)
    if (!watched)
      throw invalidArgument('force: name', name, `that of an uplink (${[...this.#uplinks.keys()].join(', ')})`)
    watched.force(forceOf(state, options))
    await this.#stateFile?.save()
  }

  /** The same as `stop()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** All there is to know now, as plain JSON. */
  snapshot(): MonitorSnapshot {
    const uplinks = [...this.#uplinks.values()].map(watched => watched.snapshot())
    return { at: Date.now(), running: this.#unwatch !== undefined, uplinks }
  }

  /**
   * The changes of state from now on, as an async iterable. Ends with `stop()`; rejects with `signal.reason` when aborted.
   * A reader more than 1024 events behind loses the oldest ones. The next event then has their number in `missed`.
   */
  events(options: { signal?: AbortSignal } = {}): AsyncIterableIterator<Streamed<StateEvent>> {
    const { signal } = checkOptions('events', options, { signal: signalCheck })
    const buffer = new EventBuffer<StateEvent>(signal, ended => this.#buffers.delete(ended))
    if (!signal?.aborted) this.#buffers.add(buffer)
    return buffer
  }

  #watched(uplink: Uplink): WatchedUplink {
    return new WatchedUplink(uplink, this.#settings.rounds, this.#world.makeRunner, this.#listener)
  }

  /** The one that watches the uplink from now on, where `before` did so far. */
  #succeed(before: WatchedUplink | undefined, uplink: Uplink): WatchedUplink {
    if (before?.isAs(uplink, this.#settings.rounds)) return before
    const watched = this.#watched(uplink)
    if (before) watched.restore(before.save())
    watched.keepForce(before?.takeForce())
    return watched
  }

  #restore(): void {
    if (!this.#stateFile) return
    const { savedAt: at, uplinks, forces } = this.#stateFile.read(Date.now())
    for (const [name, saved] of Object.entries(uplinks)) this.#uplinks.get(name)?.restore(saved)
    for (const [name, saved] of Object.entries(forces)) this.#uplinks.get(name)?.keepForce(Force.restore(saved, at))
  }

  #openStateFile(): StateFile | undefined {
    const { stateFile } = this.#settings
    const failed = (error: unknown) => this.#warn('state-file', error)
    return stateFile === undefined ? undefined : new StateFile(stateFile, () => this.#saved(), failed)
  }

  #beginHistory(): void {
    this.#history?.end()
    const { history } = this.#settings
    this.#history = history === undefined ? undefined : new HistoryFile(history, error => this.#warn('history', error))
    this.#history?.begin(this.snapshot().uplinks)
  }

  #openHook(): Hook | undefined {
    const { hook, hookTimeout } = this.#settings
    const reports = {
      line: (uplink: string, text: string) => this.#publish('hook', { uplink, text, at: Date.now() }),
      failed: (error: Error) => this.#warn('hook', error),
    }
    return hook && new Hook(hook, hookTimeout, reports)
  }

  #callHookForAll(event: 'start' | 'configure'): void {
    if (!this.#settings.hookAtStart) return
    for (const watched of this.#uplinks.values()) {
      const { state, reason, since } = watched.snapshot()
      this.#callHook(watched.uplink, event, { from: state, to: state, reason, at: since })
    }
  }

  #callHook({ name, device }: Uplink, event: HookCause, change: Omit<StateEvent, 'uplink'>): void {
    this.#hook?.call(name, hookEnvironment(name, device, event, change))
  }

  /** Keeps the known link facts of these devices. */
  #watch(): void {
    const devices = [...this.#uplinks.values()].flatMap(({ uplink }) => uplink.device ?? [])
    this.#links = new Map(devices.map(device => [device, this.#links.get(device) ?? new LinkHistory()]))
    const warn = (source: WarningEvent['source'], error: unknown) => this.#warn(source, error)
    this.#unwatch = watchDevices([...this.#uplinks.values()], this.#links, this.#world, warn)
  }

  /** Spread over the interval: a thousand checks do not fire together. */
  #startAll(uplinks: Iterable<WatchedUplink>): void {
    const checks = this.#settings.uplinks.reduce((sum, uplink) => sum + uplink.checks.length, 0)
    const spread = Math.min(this.#settings.rounds.interval - spacing, spacing * (checks - 1))
    for (const watched of uplinks) watched.start(Math.random() * spread)
  }

  #changed(event: StateEvent): void {
    for (const buffer of this.#buffers) buffer.push(event)
    this.#stateFile?.save()
    this.#history?.state(event)
    this.#callHook(this.#uplinks.get(event.uplink)!.uplink, 'change', event)
    this.#publish('state', event)
  }

  #warn(source: WarningEvent['source'], error: unknown): void {
    const event = { source, message: `${source}: ${(error as Error).message}`, error, at: Date.now() }
    // The constructor may have to warn, before anybody can listen.
    process.nextTick(() => this.#publish('warning', event))
  }

  #publish<K extends keyof MonitorEvents>(name: K, ...[event]: MonitorEvents[K]): void {
    this.#inContext(() => {
      if (this.#channels[name].hasSubscribers) this.#channels[name].publish(event)
      ;(this as EventEmitter).emit(name, event)
    })
  }

  #saved(): Saved {
    const of = <T>(save: (watched: WatchedUplink) => T) =>
      Object.fromEntries([...this.#uplinks].map(([name, watched]) => [name, save(watched)]))
    // JSON leaves out undefined values.
    return { uplinks: of(watched => watched.save()), forces: of(watched => watched.saveForce()!) }
  }
}
