import { setMaxListeners } from 'node:events'
import { isIP } from '../../builtins.js'
import type { PathOptions } from '../../options.js'
import { noLongerNeeded } from '../../runtime/deadline.js'
import { unmapped } from '../../sockets/ip.js'
import type { UplinkCheck } from '../options.js'
import type { Outcome } from '../state/state-machine.js'
import { PingRunner } from './ping-runner.js'
import { type Probe, probe } from './probe.js'

/** One check of an uplink, made ready to be run again and again. */
export interface CheckRunner {
  /** Begins; not while it is under way. Reports the outcome once, after this has returned. */
  run(): void
  /** Ends what is under way, which is still reported, and gives up what is held for the next run. */
  cancel(): void
}

export interface RunnerSettings {
  path: PathOptions
  /** Milliseconds a run may take. */
  timeout: number
  /** Reports the outcome immediately. Otherwise it may wait for the next tick, a tenth of a second. */
  prompt: boolean
}

type OnOutcome = (outcome: Outcome) => void
export type MakeRunner = (check: UplinkCheck, settings: RunnerSettings, onOutcome: OnOutcome) => CheckRunner

/** The checks of the network itself. */
export const makeRunner: MakeRunner = (check, settings, onOutcome) => {
  const family = check.type === 'ping' ? isIP(unmapped(check.host)) : 0
  if (check.type !== 'ping' || family === 0 || (check.family ?? family) !== family) {
    return new ProbeRunner(probe, check, settings, onOutcome)
  }
  return new PingRunner(check, family, settings, onOutcome)
}

/** Runs a check by a function that is called each time. */
export class ProbeRunner implements CheckRunner {
  readonly #probe: Probe
  readonly #check: UplinkCheck
  readonly #settings: RunnerSettings
  readonly #onOutcome: OnOutcome
  #controller: AbortController | undefined

  constructor(probe: Probe, check: UplinkCheck, settings: RunnerSettings, onOutcome: OnOutcome) {
    this.#probe = probe
    this.#check = check
    this.#settings = settings
    this.#onOutcome = onOutcome
  }

  run(): void {
    if (!this.#controller) {
      // One for all runs: a new one for each costs more than many a check.
      this.#controller = new AbortController()
      setMaxListeners(Number.POSITIVE_INFINITY, this.#controller.signal)
    }
    const { path, timeout } = this.#settings
    this.#probe(this.#check, path, timeout, this.#controller.signal).then(this.#onOutcome)
  }

  cancel(): void {
    this.#controller?.abort(noLongerNeeded)
    this.#controller = undefined
  }
}
