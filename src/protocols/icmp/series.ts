import { hold } from '../../binding/poller.js'
import { monotonicNow } from '../../monotonic.js'
import { atTick, gridOf, type Tick } from '../../runtime/ticker.js'
import type { RttCounter } from '../../stats.js'
import { onDeviceReturn } from '../../system/device-return.js'
import type { EchoRequest, ProbeOwner, Verdict } from './probe/echo-request.js'
import type { SocketPool } from './probe/socket-pool.js'
import { Repliers } from './repliers.js'
import { type PingResult, type Target, toResult } from './result.js'

export interface SeriesSettings {
  target: Target
  /** The address as a socket address. */
  address: Uint8Array
  path: SocketPool
  device: string | undefined
  count: number
  interval: number
  /** The next probe leaves when one is answered. */
  adaptive: boolean
  /** Probes that leave at the start. */
  preload: number
  counter: RttCounter
  /** Milliseconds during which the hosts of a group may answer. */
  timeout: number
  makeRequest(owner: ProbeOwner): EchoRequest
}

/** Overdue probes that leave immediately after the event loop was blocked. Beyond that, the schedule shifts. */
export const burst = 64
/** Milliseconds between probes that answers bring forward: the smallest interval that iputils' ping allows every user. */
const answeredMs = 2
/** Milliseconds for a returning device to get its link, addresses and routes, one after another. */
const returnMs = 200

let running = 0

/**
 * The probes of one series. Probe n leaves at start + n · interval, whatever the consumer does. Results come in the order in
 * which they become known. When the device returns, the next probe leaves early, and the schedule continues from there.
 *
 * If many series run, their probes share ticks (`gridOf`) and leave together.
 */
export class Series implements ProbeOwner {
  readonly #settings: SeriesSettings
  readonly #report: (result: PingResult) => void
  readonly #request: EchoRequest
  readonly #release = hold()
  #start: number
  #lastSentAt = Number.NEGATIVE_INFINITY
  #tick: Tick | undefined
  #sent = 0
  #ended = false
  /** The last verdict was that nothing could be sent. */
  #refused = false
  readonly #endReturnWatch: () => void = () => {}
  readonly #repliers: Repliers

  /** Calls `mayBeComplete` when `isComplete` may have become true without a result. */
  constructor(settings: SeriesSettings, report: (result: PingResult) => void, mayBeComplete: () => void) {
    this.#settings = settings
    this.#repliers = new Repliers(settings.timeout, mayBeComplete)
    this.#report = report
    this.#request = settings.makeRequest(this)
    const { device, interval, preload } = settings
    const now = monotonicNow()
    this.#start = now - (preload - 1) * interval
    running++
    if (device !== undefined && interval > returnMs) {
      this.#endReturnWatch = onDeviceReturn(device, what => {
        if (what === 'link' || this.#refused) this.#bringForward(monotonicNow() + returnMs)
      })
    }
    this.#sendDue(now)
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    running--
    this.#tick?.cancel(this.#sendDue)
    this.#endReturnWatch()
    this.#repliers.close()
    this.#settings.path.cancel(this.#request)
    this.#settings.path.release()
    this.#release()
  }

  settled(verdict: Verdict): void {
    const { counter, target } = this.#settings
    const { outcome, tag } = verdict
    this.#refused = outcome === 'send-failed'
    if (outcome === 'reply') {
      counter.reply(verdict.rttMs, tag)
      this.#repliers.first(verdict)
      const { adaptive, interval } = this.#settings
      if (adaptive) this.#bringForward(Math.max(monotonicNow(), this.#lastSentAt + Math.min(answeredMs, interval)))
    } else if (outcome === 'send-failed') counter.refused()
    else counter.lost()
    this.#report(toResult(target, tag, verdict))
  }

  late({ rttMs, tag }: Verdict): void {
    this.#settings.counter.lateReply(rttMs, tag)
  }

  duplicate(verdict: Verdict): void {
    const { counter, target } = this.#settings
    const kind = this.#repliers.classify(verdict)
    if (kind === 'duplicate') counter.duplicate()
    if (kind !== 'further') return
    counter.further(verdict.rttMs)
    this.#report(toResult(target, verdict.tag, verdict))
  }

  /** Whether every result has been reported. */
  get isComplete(): boolean {
    return this.#allSent && this.#request.inFlight === 0 && !this.#repliers.areAwaited
  }

  get #allSent(): boolean {
    return this.#sent >= this.#settings.count
  }

  readonly #sendDue = (now: number): void => {
    const { count, interval } = this.#settings
    const due = Math.floor((now - this.#start) / interval + rounding) + 1
    const last = Math.min(due, this.#sent + burst)
    this.#start += (due - last) * interval
    while (this.#sent < Math.min(last, count)) this.#send()
    this.#sendLater()
  }

  /** When the next probe is due. */
  get #dueAt(): number {
    return this.#start + this.#sent * this.#settings.interval
  }

  #sendLater(): void {
    this.#tick?.cancel(this.#sendDue)
    if (this.#allSent) this.#release()
    const grid = gridOf(this.#settings.interval, running)
    this.#tick = this.#allSent ? undefined : atTick(this.#dueAt, this.#sendDue, grid)
  }

  /** The next probe leaves at this time, unless it would leave earlier. */
  #bringForward(to: number): void {
    const early = this.#dueAt - to
    if (this.#allSent || early <= 0) return
    this.#start -= early
    this.#sendLater()
  }

  #send(): void {
    const { path, counter, address } = this.#settings
    counter.sent()
    this.#lastSentAt = monotonicNow()
    path.submit(this.#request, address, this.#sent++)
  }
}

/** Rounding error of a division, relative to the interval. */
const rounding = 1e-9
