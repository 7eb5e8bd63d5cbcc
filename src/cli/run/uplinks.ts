import { setTimeout as delay } from 'node:timers/promises'
import { NetviaError } from '../../errors.js'
import { attemptsOf, UplinkGroup } from '../../group/group.js'
import { type PolicyName, usable } from '../../group/policies.js'
import { UplinkMonitor, watchedUplinks } from '../../monitor/monitor.js'
import type { MonitorOptions } from '../../monitor/options.js'
import type { StateEvent, WarningEvent } from '../../monitor/record/event-types.js'
import type { Uplink } from '../../monitor/settings.js'
import { pathOf } from '../../options.js'
import type { ConfinedProgram } from '../../system/confined-program.js'
import { ofMonitor, readConfig } from '../monitor/config.js'
import { usageError } from '../shared/arguments.js'

/** Milliseconds that a program waits for the first verdict on each uplink. */
const patience = 10_000

/** Devices of one turn under 'weighted'. Longer turns are cut, which changes a share by less than a thousandth. */
const longestTurn = 1000

export interface Choice {
  readonly policy: PolicyName
  /** For 'sticky', see `UplinkGroup.pick`. */
  readonly key: string
  /** Whether connections of an uplink that goes down are cut. */
  readonly cut: boolean
}

export interface Listener {
  changed(event: StateEvent): void
  /** Connections were cut. */
  cut(uplink: string, count: number): void
  warned(event: WarningEvent): void
}

/** The uplinks of a file while a program runs, and the devices of its next sockets. */
export class Uplinks {
  readonly #monitor: UplinkMonitor
  readonly #group: UplinkGroup
  readonly #choice: Choice
  #devices: readonly string[] = []
  #whyNone = ''
  #program: ConfinedProgram | undefined

  constructor(file: string, choice: Choice, listener: Listener) {
    const { policy, cut: cutConnections } = choice
    this.#choice = choice
    this.#monitor = new UplinkMonitor(watchOnly(file))
    for (const { uplink } of watchedUplinks(this.#monitor)) {
      const { device, ...rest } = pathOf(uplink)
      if (device === undefined || Object.values(rest).some(value => value !== undefined))
        throw usageError(`${file}: uplink ${uplink.name}: run needs its device, and takes no other path option`)
    }
    this.#group = new UplinkGroup(this.#monitor, { policy, cutConnections })
    for (const { uplink } of watchedUplinks(this.#monitor)) {
      // After the program has its next devices: it tries again immediately.
      attemptsOf(this.#group).onCut(uplink.name, () => queueMicrotask(() => this.#cut(uplink, listener)))
    }
    // After the group has followed it.
    this.#monitor.on('state', event => {
      this.#update()
      listener.changed(event)
    })
    // A round is judged after its checks are reported.
    if (policy === 'lowest-latency') this.#monitor.on('check', () => void setImmediate(() => this.#update()))
    this.#monitor.on('warning', event => listener.warned(event))
  }

  /** The devices of the sockets to come, one after another. Empty while no uplink works. */
  get devices(): readonly string[] {
    return this.#devices
  }

  /** Why there are none, in words. */
  get whyNone(): string {
    return this.#whyNone
  }

  /** Resolves with the first verdict on each uplink, after 10 seconds, or when the signal fires. */
  async start(signal: AbortSignal): Promise<void> {
    const decided = new AbortController()
    const judge = () => {
      if (watchedUplinks(this.#monitor).every(({ state }) => state !== 'unknown')) decided.abort()
    }
    this.#monitor.on('state', judge)
    this.#monitor.start()
    await delay(patience, undefined, { signal: AbortSignal.any([signal, decided.signal]) }).catch(() => {})
    this.#monitor.off('state', judge)
    this.#update()
  }

  /** The program uses each change of `devices`. */
  lead(program: ConfinedProgram): void {
    this.#program = program
  }

  async stop(): Promise<void> {
    this.#program = undefined
    await Promise.all([this.#group.close(), this.#monitor.stop()])
  }

  #update(): void {
    const devices = this.#turn()
    if (devices.join() === this.#devices.join()) return
    this.#devices = devices
    this.#program?.use(devices)
  }

  #cut({ name, device }: Uplink, listener: Listener): void {
    // Another uplink with other checks may work over the same device.
    if (usable(watchedUplinks(this.#monitor)).some(({ uplink }) => uplink.device === device)) return
    const count = this.#program?.cut(device!) ?? 0
    if (count > 0) listener.cut(name, count)
  }

  /** What the group picks from now on. Under 'weighted' its picks repeat after as many as the sum of the weights. */
  #turn(): string[] {
    const working = usable(watchedUplinks(this.#monitor))
    const sum = working.reduce((sum, { uplink }) => sum + uplink.weight, 0)
    const length = this.#choice.policy === 'weighted' ? Math.min(sum, longestTurn) : 1
    try {
      return Array.from({ length: Math.max(length, 1) }, () => this.#group.pick(this.#choice.key).device!)
    } catch (error) {
      if (!(error instanceof NetviaError) || error.code !== 'ERR_NO_UPLINK') throw error
      this.#whyNone = error.message
      return []
    }
  }
}

/** Hooks, states and history belong to the monitor that runs as a service. */
function watchOnly(file: string): MonitorOptions {
  const options = ofMonitor(readConfig(file))
  return { ...options, hook: undefined, hookAtStart: undefined, stateFile: undefined, history: undefined }
}
