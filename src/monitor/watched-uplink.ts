import { isDeepStrictEqual } from 'node:util'
import { monotonicNow } from '../monotonic.js'
import { pathOf } from '../options.js'
import type { CheckRunner, MakeRunner } from './checks/check-runner.js'
import { targetOf } from './checks/check-target.js'
import { type LinkFacts, linkFault } from './link/link-fault.js'
import type { CheckEvent, StateEvent, UplinkSnapshot } from './record/reports.js'
import { RoundLoop } from './round-loop.js'
import type { RoundSettings, Uplink } from './settings.js'
import {
  type Change,
  type Facts,
  type Outcome,
  type SavedState,
  StateMachine,
  type UplinkState,
} from './state/state-machine.js'

export interface Listener {
  state(event: StateEvent): void
  check(event: CheckEvent): void
}

/** Milliseconds: where rounds follow each other by this much, nobody waits for a tenth of a second. */
const unhurried = 1000

/** One uplink under watch: its rounds, its link, and what follows from both. */
export class WatchedUplink {
  readonly uplink: Uplink
  readonly #settings: RoundSettings
  readonly #listener: Listener
  readonly #machine: StateMachine
  readonly #loop: RoundLoop<Outcome>
  readonly #runners: CheckRunner[]
  readonly #targets: string[]
  readonly #last: (CheckEvent | null)[]
  #since = Date.now()
  #running = false

  constructor(uplink: Uplink, settings: RoundSettings, makeRunner: MakeRunner, listener: Listener) {
    this.uplink = uplink
    this.#settings = settings
    this.#listener = listener
    this.#machine = new StateMachine(settings, monotonicNow())
    this.#targets = uplink.checks.map(targetOf)
    this.#last = uplink.checks.map(() => null)
    const { interval, failureInterval, recoveryInterval } = settings
    const prompt = Math.min(interval, failureInterval, recoveryInterval) < unhurried
    const path = pathOf(uplink)
    this.#runners = uplink.checks.map((check, index) => {
      const { timeout = settings.timeout } = check
      return makeRunner(check, { path, timeout, prompt }, outcome => this.#told(index, outcome))
    })
    this.#loop = new RoundLoop({
      checks: uplink.checks.length,
      spread: interval / 2,
      run: index => this.#runners[index]!.run(),
      cancel: () => {
        for (const runner of this.#runners) runner.cancel()
      },
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
    return this.#machine.facts(monotonicNow())
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
    this.#tell(this.#machine.link(fault, monotonicNow()))
    if (!this.#running || (fault === null) === (before === null)) return
    if (fault === null) this.#loop.start(0)
    else this.#loop.stop()
  }

  snapshot(): UplinkSnapshot {
    const { name, device = null, priority, weight } = this.uplink
    return { name, device, priority, weight, ...this.facts(), since: this.#since, checks: [...this.#last] }
  }

  save(): SavedState {
    return { ...this.#machine.save(monotonicNow()), since: this.#since }
  }

  restore(saved: SavedState): void {
    const now = monotonicNow()
    this.#since = saved.since
    this.#machine.restore({ ...saved, since: now - (Date.now() - saved.since) }, now)
  }

  #told(check: number, outcome: Outcome): void {
    const { type } = this.uplink.checks[check]!
    const target = this.#targets[check]!
    const { ok, local, latencyMs, error } = outcome
    if (this.#running && this.#machine.linkFault === null) {
      const event = { uplink: this.uplink.name, check, type, target, ok, local, latencyMs, error, at: Date.now() }
      this.#last[check] = event
      this.#listener.check(event)
    }
    this.#loop.told(check, ok ? outcome : { ...outcome, error: `${type} ${target}: ${error}` })
  }

  #judge(outcomes: readonly Outcome[]): number {
    this.#tell(this.#machine.round(outcomes, monotonicNow()))
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
