import { isDeepStrictEqual } from 'node:util'
import { monotonicNow } from '../monotonic.js'
import { pathKey, pathOf } from '../options.js'
import type { MakeRunner } from './checks/check-runner.js'
import { judgedChecks, quorumOf, targetOf } from './checks/check-target.js'
import { Runners } from './checks/runners.js'
import { type LinkFacts, linkFault, withSource } from './link/link-fault.js'
import { Metering } from './metered/metering.js'
import type { Traffic } from './metered/traffic.js'
import { type ClockReading, readClocks, shifted, wallTime } from './record/clock-reading.js'
import type { CheckEvent, Forced, StateEvent, UplinkSnapshot } from './record/event-types.js'
import type { Force, SavedForce } from './record/force.js'
import type { SavedUplink } from './record/state-file.js'
import { RoundLoop } from './round-loop.js'
import type { RoundSettings, Uplink } from './settings.js'
import type { Quorum } from './state/quorum.js'
import { type Change, type Facts, type Outcome, StateMachine, type UplinkState } from './state/state-machine.js'

export interface Listener {
  state(event: StateEvent): void
  check(event: CheckEvent): void
}

/** Milliseconds between rounds from which a delay of a tenth of a second doesn't matter. */
const unhurried = 1000

/** Milliseconds during which a good round after a suspicion counts. Connections to a distant target raise many. */
const trusted = 1000

/** One uplink under watch: its rounds, its link, and what follows from both. */
export class WatchedUplink {
  readonly uplink: Uplink
  readonly #settings: RoundSettings
  readonly #listener: Listener
  readonly #quorum: Quorum
  readonly #machine: StateMachine
  readonly #loop: RoundLoop<Outcome>
  readonly #runners: Runners
  readonly #metering: Metering | undefined
  readonly #targets: string[]
  readonly #last: (CheckEvent | null)[]
  /** When these came, on the monotonic clock. */
  readonly #lastAt: number[] = []
  /** When the state from the checks began. After a force, when the force ended. */
  #since = readClocks()
  /** Overrides checks and link. */
  #force: Force | undefined
  #link: LinkFacts | undefined
  #running = false
  /** Rounds until a suspicion is settled; 0 if there is none. */
  #doubts = 0
  #trustedUntil = 0

  constructor(uplink: Uplink, settings: RoundSettings, makeRunner: MakeRunner, listener: Listener) {
    this.uplink = uplink
    this.#settings = settings
    this.#listener = listener
    this.#targets = uplink.checks.map(targetOf)
    this.#quorum = quorumOf(uplink, settings.reliability)
    this.#machine = new StateMachine(settings, judgedChecks(uplink.checks, settings), this.#quorum, monotonicNow())
    this.#last = uplink.checks.map(() => null)
    const { interval, failureInterval, recoveryInterval } = settings
    const prompt = Math.min(interval, failureInterval, recoveryInterval) < unhurried
    const path = pathOf(uplink)
    this.#runners = new Runners((longest, isUrgent) =>
      uplink.checks.map((check, index) => {
        const timeout = Math.min(check.timeout ?? settings.timeout, longest)
        return makeRunner(check, { path, timeout, prompt: prompt || isUrgent }, outcome =>
          this.#onOutcome(index, outcome),
        )
      }),
    )
    this.#metering = uplink.metered && new Metering(uplink.metered, settings, monotonicNow())
    this.#loop = new RoundLoop({
      checks: uplink.checks.length,
      spread: interval / 2,
      run: index => this.#runners.run(index),
      cancel: () => this.#runners.cancel(),
      done: outcomes => this.#judge(outcomes),
    })
  }

  get state(): UplinkState {
    return this.#force?.state ?? this.#machine.state
  }

  get forced(): Forced | null {
    return this.#force?.report() ?? null
  }

  /** Whether connections found it silent, and no round that began after that was good. */
  get suspect(): boolean {
    return this.#doubts > 0
  }

  /** A connection found it silent: a round begins immediately. */
  suspectSilence(): void {
    const now = monotonicNow()
    const isDue = !this.suspect && now >= this.#trustedUntil && (this.#metering?.maySuspect(now) ?? true)
    if (this.#isChecked && isDue) this.#doubts = this.#loop.runNow()
  }

  /** Handles the traffic evidence of a metered uplink. */
  traffic(traffic: Traffic): void {
    const [now, metering] = [monotonicNow(), this.#metering]
    if (!metering || !this.#isChecked) return
    if (traffic.says === 'works') {
      if (metering.proved(now) || this.#machine.badRounds > 0) this.#onChange(this.#machine.proven(now))
      if (this.suspect) this.#trust()
      if (this.#machine.state === 'up') this.#loop.postpone(now + metering.idleInterval)
    } else if (this.#isUsed && !this.suspect) {
      this.suspectSilence()
      const urgentMs = metering.urgency(traffic, now)
      if (this.suspect && urgentMs !== undefined) this.#runners.hurry(urgentMs)
    }
  }

  /** Whether its checks are not made, or not done, `patience` ms after they should have been. */
  isStalled(patience: number): boolean {
    const longest = Math.max(...this.uplink.checks.map(({ timeout = this.#settings.timeout }) => timeout))
    return this.#isChecked && !(this.#loop.late(monotonicNow()) <= longest + patience)
  }

  /** It would do the same with these. */
  isAs(uplink: Uplink, settings: RoundSettings): boolean {
    return isDeepStrictEqual([this.uplink, this.#settings], [uplink, settings])
  }

  facts(now = monotonicNow()): Facts {
    return { ...this.#machine.facts(now), state: this.state, since: this.#stateSince.monotonic, reason: this.#reason }
  }

  /** Puts it into a state, whatever its checks say; without a force they decide again. */
  force(force: Force | undefined): void {
    const from = this.state
    this.takeForce()
    this.keepForce(force)
    if (this.state === from) return
    if (!force) this.#since = readClocks()
    this.#report(from)
  }

  /** The same without an event, because it was already forced. */
  keepForce(force: Force | undefined): void {
    this.#force = force
    force?.arm(() => this.force(undefined))
  }

  /** Removes the force without an event, for the object that watches the uplink from now on. */
  takeForce(): Force | undefined {
    const force = this.#force
    force?.disarm()
    this.#force = undefined
    return force
  }

  /** The first round begins after `delay` ms, unless the link is known to be gone. */
  start(delay: number): void {
    this.#running = true
    if (this.#machine.linkFault === null) this.#startLoop(delay)
  }

  stop(): Promise<void> {
    this.#running = false
    this.#doubts = 0
    return this.#loop.stop()
  }

  /** Called when the device changes. Without a link no rounds run. */
  link(facts: LinkFacts): void {
    const source = this.#link?.borrowed?.address
    this.#link = facts
    const fault = linkFault(facts, this.uplink.checks, this.#quorum)
    const before = this.#machine.linkFault
    this.#onChange(this.#machine.link(fault, monotonicNow()))
    if (facts.borrowed?.address !== source) this.suspectSilence()
    if (!this.#running || (fault === null) === (before === null)) return
    this.#doubts = 0
    if (fault === null) this.#startLoop(0)
    else this.#loop.stop()
  }

  /** Traffic over it worked, or failed where other uplinks work. If that contradicts the state, the checks run now. */
  learn(worked: boolean): void {
    if (this.#metering?.maySuspect(monotonicNow()) === false) return
    if (worked !== this.#isUsed) this.#loop.bringForward(this.#settings.failureInterval)
  }

  snapshot(): UplinkSnapshot {
    const { name, device = null, priority, weight } = this.uplink
    const now = readClocks()
    return {
      ...{ name, device, priority, weight },
      ...this.facts(now.monotonic),
      since: wallTime(this.#stateSince, now),
      forced: this.#force?.report(now) ?? null,
      checks: this.#last.map((event, check) => {
        return event && { ...event, at: wallTime({ wall: event.at, monotonic: this.#lastAt[check]! }, now) }
      }),
      statistics: this.#machine.statistics(now.monotonic),
      metered: this.#metering?.report(now.monotonic) ?? null,
      remarks: this.#machine.remarks(now.monotonic),
    }
  }

  save(): SavedUplink {
    const [now, path] = [monotonicNow(), pathKey(this.uplink)]
    return { ...this.#machine.save(now), path, since: wallTime(this.#since), meter: this.#metering?.save(now) }
  }

  /** The force as the state file keeps it. */
  saveForce(): SavedForce | undefined {
    return this.#force?.save()
  }

  restore(saved: SavedUplink): void {
    if (saved.path !== undefined && saved.path !== pathKey(this.uplink)) return
    const now = readClocks()
    this.#since = shifted(now, saved.since - now.wall)
    this.#machine.restore({ ...saved, since: this.#since.monotonic }, now.monotonic)
    this.#metering?.restore(saved.meter, now.monotonic)
  }

  get #isChecked(): boolean {
    return this.#running && this.#machine.linkFault === null
  }

  get #isUsed(): boolean {
    return this.#machine.state === 'up' || this.#machine.state === 'degraded'
  }

  get #stateSince(): ClockReading {
    return this.#force?.since ?? this.#since
  }

  get #reason(): string {
    return this.#force?.reason ?? this.#machine.reason
  }

  #onOutcome(check: number, found: Outcome): void {
    const { type } = this.uplink.checks[check]!
    const target = this.#targets[check]!
    const outcome = withSource(found, this.uplink.checks[check]!, this.#link)
    const { ok, local, latencyMs, error } = outcome
    if (this.#isChecked) {
      const event = { uplink: this.uplink.name, check, type, target, ok, local, latencyMs, error, at: Date.now() }
      this.#last[check] = event
      this.#lastAt[check] = monotonicNow()
      this.#listener.check(event)
    }
    this.#loop.record(check, outcome)
  }

  #judge(outcomes: readonly Outcome[]): number {
    const now = monotonicNow()
    const urgentMs = this.#runners.urgentMs
    this.#onChange(this.#machine.round(outcomes, now, this.#metering?.patience(urgentMs)))
    const { badRounds } = this.#machine
    this.#settle(badRounds === 0)
    this.#metering?.judged(outcomes, badRounds === 0, now)
    if (!this.suspect || !this.#isUsed) this.#runners.relax()
    return this.#metering?.gap(this.#machine, this.suspect, urgentMs, now) ?? this.#gap()
  }

  #gap(): number {
    const { badRounds } = this.#machine
    const { interval, failureInterval, recoveryInterval, down } = this.#settings
    if (this.suspect) return Math.min(failureInterval, unhurried)
    if (this.#isUsed) return badRounds > 0 ? failureInterval : interval
    // The first rounds after the link came back may be too early, because address and route follow later.
    return badRounds < down ? recoveryInterval : interval
  }

  #startLoop(delay: number): void {
    this.#loop.start(Math.max(delay, this.#metering?.wait(monotonicNow()) ?? 0))
  }

  #settle(isGood: boolean): void {
    if (this.#doubts > 1) this.#doubts--
    else if (this.#doubts === 1 && isGood) this.#trust()
  }

  #trust(): void {
    this.#doubts = 0
    this.#trustedUntil = monotonicNow() + trusted
  }

  #onChange(change: Change | undefined): void {
    if (!change) return
    this.#since = readClocks()
    if (!this.#force) this.#report(change.from)
  }

  #report(from: UplinkState): void {
    const forced = this.#force && { forced: this.#force.report() }
    const at = this.#stateSince.wall
    this.#listener.state({ uplink: this.uplink.name, from, to: this.state, reason: this.#reason, at, ...forced })
  }
}
