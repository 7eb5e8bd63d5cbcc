import { monotonicNow } from '../../monotonic.js'
import { acquirePath, prepare } from '../../protocols/icmp/ping-options.js'
import { EchoRequest, type ProbeOwner, type Verdict } from '../../protocols/icmp/probe/echo-request.js'
import type { SocketPool } from '../../protocols/icmp/probe/socket-pool.js'
import { type PingReply, type PingResult, type Target, toResult } from '../../protocols/icmp/result.js'
import { unmapped } from '../../sockets/ip.js'
import type { PingCheck } from '../options.js'
import type { Outcome } from '../state/state-machine.js'
import type { CheckRunner, RunnerSettings } from './check-runner.js'
import { failed, passed, pingFailure } from './probe.js'

interface Held {
  path: SocketPool
  request: EchoRequest
  address: Uint8Array
}

/** Replies missing in a row: fewer than take an uplink down by default. */
const mostSilent = 2

/**
 * Pings an address again and again. Between the runs the socket is held, and one request stands for all of them: a run costs
 * no promise, timer or listener, as a `ping()` does. After silence another socket takes its place (`sharedMs` in socket-pool.ts has the
 * reason).
 */
export class PingRunner implements CheckRunner, ProbeOwner {
  readonly #check: PingCheck
  readonly #settings: RunnerSettings
  readonly #target: Target
  readonly #onOutcome: (outcome: Outcome) => void
  #held: Held | undefined
  #silent = 0
  /** A socket must be newer. */
  #since: number | undefined
  #isUnderWay = false

  constructor(check: PingCheck, family: 4 | 6, settings: RunnerSettings, onOutcome: (outcome: Outcome) => void) {
    this.#check = check
    this.#settings = settings
    this.#target = { host: check.host, address: unmapped(check.host), family }
    this.#onOutcome = onOutcome
  }

  run(): void {
    this.#isUnderWay = true
    if (this.#held) this.#held.path.submit(this.#held.request, this.#held.address)
    else this.#begin().catch((error: Error) => this.#end(failed(error.message, true)))
  }

  cancel(): void {
    this.#giveUp()
    this.#end(failed('ended before its time', false))
  }

  settled(verdict: Verdict): void {
    // A local refusal may be over by the next run, on another socket.
    if (verdict.outcome === 'send-failed') this.#giveUp()
    this.#silent = verdict.outcome === 'timeout' ? this.#silent + 1 : 0
    if (this.#silent === mostSilent) this.#renew()
    if (verdict.outcome === 'reply') this.#end(passed(verdict.rttMs))
    else this.#end(pingFailure(toResult(this.#target, 0, verdict) as Exclude<PingResult, PingReply>))
  }

  async #begin(): Promise<void> {
    const { path: way, timeout, prompt } = this.#settings
    const options = { payloadSize: this.#check.payloadSize, ...way }
    const { address, template } = prepare(this.#target, options)
    const path = acquirePath(this.#target.family, options, true, this.#since)
    const request = new EchoRequest(this, template, timeout, { prompt })
    this.#held = { path, request, address }
    await path.ready
    if (!request.cancelled) path.submit(request, address)
  }

  #renew(): void {
    this.#silent = 0
    this.#since = monotonicNow()
    this.#giveUp()
  }

  #giveUp(): void {
    this.#held?.path.cancel(this.#held.request)
    this.#held?.path.release()
    this.#held = undefined
  }

  #end(outcome: Outcome): void {
    if (!this.#isUnderWay) return
    this.#isUnderWay = false
    this.#onOutcome(outcome)
  }
}
