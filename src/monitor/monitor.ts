import { channel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import { checkOptions, signalCheck } from '../options.js'
import { EventBuffer, type Streamed } from './event-buffer.js'
import { Hook } from './hook.js'
import type { LinkFacts } from './link-fault.js'
import { watchLinks } from './link-watch.js'
import type { MonitorOptions } from './options.js'
import { probe } from './probe.js'
import type { CheckEvent, MonitorSnapshot, StateEvent, WarningEvent } from './reports.js'
import { spacing } from './round-loop.js'
import { type Settings, settingsOf } from './settings.js'
import { type SavedStates, StateFile } from './state-file.js'
import { WatchedUplink } from './watched-uplink.js'

/** The events of an `UplinkMonitor`, and what comes with each. */
export interface MonitorEvents {
  /** An uplink changed its state. */
  state: [StateEvent]
  /** A check has its result. */
  check: [CheckEvent]
  /** Something beside the checks failed. */
  warning: [WarningEvent]
}

/** What the monitor looks through at the world: tests put in their own. */
const world = { probe, watchLinks }

/** For the groups that follow a monitor. */
export let watchedUplinks: (monitor: UplinkMonitor) => readonly WatchedUplink[]

const channels = {
  state: channel('netvia:monitor:state'),
  check: channel('netvia:monitor:check'),
  warning: channel('netvia:monitor:warning'),
}

/**
 * Watches the uplinks of a router: runs their checks, follows their links, and says which state each is in, and why.
 *
 * Events: `state` when an uplink changes, `check` for each result, `warning` when something beside the checks fails (state
 * file, hook, link watch). The same go to `diagnostics_channel` as `netvia:monitor:state`, `:check` and `:warning`.
 * While it runs it keeps the process alive.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` naming the option, the uplink and the check that is wrong.
 */
export class UplinkMonitor extends EventEmitter<MonitorEvents> {
  readonly #settings: Settings
  readonly #watchLinks: typeof watchLinks
  readonly #uplinks: Map<string, WatchedUplink>
  readonly #buffers = new Set<EventBuffer<StateEvent>>()
  readonly #stateFile: StateFile | undefined
  readonly #hook: Hook | undefined
  #unwatch: (() => void) | undefined

  static {
    watchedUplinks = monitor => [...monitor.#uplinks.values()]
  }

  constructor(options: MonitorOptions)
  /** @internal */
  constructor(options: MonitorOptions, through: typeof world)
  constructor(options: MonitorOptions, { probe, watchLinks } = world) {
    super()
    this.#settings = settingsOf(options)
    this.#watchLinks = watchLinks
    const listener = {
      state: (event: StateEvent) => this.#changed(event),
      check: (event: CheckEvent) => this.#tell('check', event),
    }
    const { uplinks, stateFile, hook, hookTimeout } = this.#settings
    this.#uplinks = new Map(
      uplinks.map(uplink => [uplink.name, new WatchedUplink(uplink, this.#settings, probe, listener)]),
    )
    if (stateFile)
      this.#stateFile = new StateFile(
        stateFile,
        () => this.#states(),
        error => this.#warn('state-file', error),
      )
    if (hook) this.#hook = new Hook(hook, hookTimeout, error => this.#warn('hook', error))
    this.#restore()
  }

  /** Begins the rounds. Nothing happens if it runs already. */
  start(): void {
    if (this.#unwatch) return
    const devices = new Set<string>()
    for (const { uplink } of this.#uplinks.values()) if (uplink.device !== undefined) devices.add(uplink.device)
    this.#unwatch = this.#watchLinks(
      devices,
      (device, facts) => this.#link(device, facts),
      error => this.#warn('link', error),
    )
    const checks = this.#settings.uplinks.reduce((sum, uplink) => sum + uplink.checks.length, 0)
    const spread = Math.min(this.#settings.interval - spacing, spacing * (checks - 1))
    for (const watched of this.#uplinks.values()) watched.start(Math.random() * spread)
  }

  /** Ends the rounds: resolves when no check, hook or write is left. States stay as they are; `start()` goes on from them. */
  async stop(): Promise<void> {
    if (!this.#unwatch) return
    this.#unwatch()
    this.#unwatch = undefined
    await Promise.all([...this.#uplinks.values()].map(watched => watched.stop()))
    await Promise.all([this.#stateFile?.save(), this.#hook?.idle()])
    for (const buffer of this.#buffers) buffer.end()
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
   * A reader who is more than 1024 events behind loses the oldest; the next one then says how many in `missed`.
   */
  events(options: { signal?: AbortSignal } = {}): AsyncIterableIterator<Streamed<StateEvent>> {
    checkOptions('events', options, { signal: signalCheck })
    const buffer = new EventBuffer<StateEvent>(options.signal, ended => this.#buffers.delete(ended))
    this.#buffers.add(buffer)
    return buffer
  }

  #restore(): void {
    for (const [name, saved] of Object.entries(this.#stateFile?.read(Date.now()) ?? {}))
      this.#uplinks.get(name)?.restore(saved)
  }

  #link(device: string, facts: LinkFacts): void {
    for (const watched of this.#uplinks.values()) if (watched.uplink.device === device) watched.link(facts)
  }

  #changed(event: StateEvent): void {
    for (const buffer of this.#buffers) buffer.push(event)
    this.#stateFile?.save()
    this.#hook?.run({
      NETVIA_UPLINK: event.uplink,
      NETVIA_DEVICE: this.#uplinks.get(event.uplink)!.uplink.device ?? '',
      NETVIA_STATE: event.to,
      NETVIA_PREVIOUS_STATE: event.from,
      NETVIA_REASON: event.reason.replaceAll('\0', ''),
      NETVIA_AT: String(event.at),
    })
    this.#tell('state', event)
  }

  #warn(source: WarningEvent['source'], error: unknown): void {
    const event = { source, message: `${source}: ${(error as Error).message}`, error, at: Date.now() }
    // The constructor may have to warn, and nobody listens yet.
    process.nextTick(() => this.#tell('warning', event))
  }

  #tell<K extends keyof MonitorEvents>(name: K, ...[event]: MonitorEvents[K]): void {
    try {
      if (channels[name].hasSubscribers) channels[name].publish(event)
      ;(this as EventEmitter).emit(name, event)
    } catch (error) {
      // A listener's fault is the program's, as in any event emitter; the rounds go on.
      process.nextTick(() => {
        throw error
      })
    }
  }

  #states(): SavedStates {
    return Object.fromEntries([...this.#uplinks].map(([name, watched]) => [name, watched.save()]))
  }
}
