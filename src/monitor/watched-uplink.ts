import { isDeepStrictEqual } from 'node:util'
import { pathOf } from '../options.js'
import { targetOf } from './check-target.js'
import { type LinkFacts, linkFault } from './link-fault.js'
import type { Probe } from './probe.js'
import type { CheckEvent, StateEvent, UplinkSnapshot } from './reports.js'
import { RoundLoop } from './round-loop.js'
import type { RoundSettings, Uplink } from './settings.js'
import {
  type Change,
  type Facts,
  type Outcome,
  type SavedState,
  StateMachine,
  type UplinkState,
} from './state-machine.js'

export interface Listener {
  state(event: StateEvent): void
  check(event: CheckEvent): void
}

/** One uplink under watch: its rounds, its link, and what follows from both. */
export class WatchedUplink {
  readonly uplink: Uplink
  readonly #settings: RoundSettings
  readonly #probe: Probe
  readonly #listener: Listener
  readonly #machine: StateMachine
  readonly #loop: RoundLoop<Outcome>
  readonly #targets: string[]
  readonly #last: (CheckEvent | null)[]
  #since = Date.now()
  #running = false

  constructor(uplink: Uplink, settings: RoundSettings, probe: Probe, listener: Listener) {
    this.uplink = uplink
    this.#settings = settings
    this.#probe = probe
    this.#listener = listener
    this.#machine = new StateMachine(settings, performance.now())
    this.#targets = uplink.checks.map(targetOf)
    this.#last = uplink.checks.map(() => null)
    this.#loop = new RoundLoop({
      checks: uplink.checks.length,
      spread: settings.interval / 2,
      run: (index, signal) => this.#check(index, signal),
      done: outcomes => this.#judge(outcomes),
    })
  }

  get state(): UplinkState {
    return this.#machine.state
  }

  /** It would do the same with these. */
  isAs(uplink: Uplink, settings: RoundSettings): boolean {
    return isDeepStrictEqual([this.uplink, this.#settings], [uplink, settings])
  }

  facts(): Facts {
    return this.#machine.facts(performance.now())
  }

  /** The first round begins after `delay` ms, unless the link is known to be gone. */
  start(delay: number): void {
    this.#running = true
    if (this.#machine.linkFault === null) this.#loop.start(delay)
  }

  stop(): Promise<void> {
    this.#running = false
    return this.#loop.stop()
  }

  /** News of the device. Without a link no rounds are run. */
  link(facts: LinkFacts): void {
    const fault = linkFault(facts, this.uplink.checks, this.#settings.reliability)
    const before = this.#machine.linkFault
    this.#tell(this.#machine.link(fault, performance.now()))
    if (!this.#running || (fault === null) === (before === null)) return
    if (fault === null) this.#loop.start(0)
    else this.#loop.stop()
  }

  snapshot(): UplinkSnapshot {
    const { name, device = null, priority, weight } = this.uplink
    return { name, device, priority, weight, ...this.facts(), since: this.#since, checks: [...this.#last] }
  }

  save(): SavedState {
    return { ...this.#machine.save(performance.now()), since: this.#since }
  }

  restore(saved: SavedState): void {
    const now = performance.now()
    this.#since = saved.since
    this.#machine.restore({ ...saved, since: now - (Date.now() - saved.since) }, now)
  }

  async #check(check: number, signal: AbortSignal): Promise<Outcome> {
    const { name, checks } = this.uplink
    const { type, timeout = this.#settings.timeout } = checks[check]!
    const target = this.#targets[check]!
    const outcome = await this.#probe(checks[check]!, pathOf(this.uplink), timeout, signal)
    if (this.#running && this.#machine.linkFault === null) {
      const event = { uplink: name, check, type, target, ...outcome, at: Date.now() }
      this.#last[check] = event
      this.#listener.check(event)
    }
    return outcome.ok ? outcome : { ...outcome, error: `${type} ${target}: ${outcome.error}` }
  }

  #judge(outcomes: Outcome[]): number {
    this.#tell(this.#machine.round(outcomes, performance.now()))
    const { state, badRounds } = this.#machine
    const { interval, failureInterval, recoveryInterval, down } = this.#settings
    if (state === 'up' || state === 'degraded') return badRounds > 0 ? failureInterval : interval
    // After the link came back the first rounds may be too early: address and route follow in their own time.
    return badRounds < down ? recoveryInterval : interval
  }

  #tell(change: Change | undefined): void {
    if (!change) return
    this.#since = Date.now()
    const { from, to, reason } = change
    this.#listener.state({ uplink: this.uplink.name, from, to, reason, at: this.#since })
  }
}
