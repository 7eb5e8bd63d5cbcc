import type { RttCounter } from '../../stats.js'
import { onDeviceReturn } from '../device-return.js'
import type { EchoPath } from './echo-path.js'
import type { Probe, ProbeOwner } from './probe.js'
import { type PingResult, type Target, toResult } from './result.js'

export interface SeriesSettings {
  target: Target
  path: EchoPath
  device: string | undefined
  count: number
  interval: number
  counter: RttCounter
  makeProbe(owner: ProbeOwner, sequence: number): Probe
}

/** Results kept for a slow consumer; the oldest give way, and live on in the statistics alone. */
const resultsKept = 10_000
/** Probes that leave at once after the event loop was blocked; what was missed beyond that shifts the schedule. */
const burst = 64
/** A device that returns gets its link, addresses and routes one after another: time for all of them, in ms. */
const returnMs = 200

/**
 * The probes of one series. Probe n leaves at start + n · interval, whatever the consumer does; results come in the order
 * in which they are known. When the device returns the next probe does not wait for its time, and the schedule goes on from
 * there.
 */
export class Series implements ProbeOwner {
  readonly #settings: SeriesSettings
  readonly #inFlight = new Set<Probe>()
  /** Timed out, in order of sending: their replies still count. */
  readonly #overdue: Probe[] = []
  readonly #results: PingResult[] = []
  #start = performance.now()
  #timer: NodeJS.Timeout | undefined
  #sent = 0
  #ended = false
  /** The last verdict was that nothing could be sent. */
  #refused = false
  readonly #endReturnWatch: () => void = () => {}
  #failure: { reason: unknown } | undefined
  #wake: (() => void) | undefined

  constructor(settings: SeriesSettings) {
    this.#settings = settings
    const { device, interval } = settings
    if (device !== undefined && interval > returnMs) {
      this.#endReturnWatch = onDeviceReturn(device, what => {
        if (what === 'link' || this.#refused) this.#bringForward()
      })
    }
    this.#sendDue()
  }

  /** The next result; `undefined` once all are told, or after the end. Rejects once after `fail`. */
  async take(): Promise<PingResult | undefined> {
    for (;;) {
      if (this.#failure) throw this.#failure.reason
      const result = this.#results.shift()
      if (result || this.#ended || (this.#allSent && this.#inFlight.size === 0)) return result
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  fail(reason: unknown): void {
    this.#failure = { reason }
    this.end()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#timer)
    this.#endReturnWatch()
    for (const probe of [...this.#inFlight, ...this.#overdue]) this.#settings.path.cancel(probe)
    this.#settings.path.release()
    this.#wake?.()
  }

  settled(probe: Probe): void {
    const { counter, target } = this.#settings
    this.#inFlight.delete(probe)
    this.#refused = probe.outcome === 'send-failed'
    if (probe.outcome === 'reply') counter.reply(probe.rttMs, probe.tag)
    else if (probe.outcome === 'send-failed') counter.refused()
    else counter.lost()
    if (probe.outcome === 'timeout') this.#addOverdue(probe)
    if (this.#results.push(toResult(target, probe.tag, probe)) > resultsKept) this.#results.shift()
    this.#wake?.()
  }

  late(probe: Probe): void {
    this.#settings.counter.lateReply(probe.rttMs, probe.tag)
  }

  duplicate(): void {
    this.#settings.counter.duplicate()
  }

  get #allSent(): boolean {
    return this.#sent >= this.#settings.count
  }

  #addOverdue(probe: Probe): void {
    while (this.#overdue[0]?.inUse === false) this.#overdue.shift()
    this.#overdue.push(probe)
  }

  #sendDue(): void {
    const { count, interval } = this.#settings
    const due = Math.floor((performance.now() - this.#start) / interval) + 1
    const last = Math.min(due, this.#sent + burst)
    this.#start += (due - last) * interval
    while (this.#sent < Math.min(last, count)) this.#send()
    if (!this.#allSent) this.#armTimer()
  }

  /** Milliseconds until the next probe is to leave. */
  get #wait(): number {
    return this.#start + this.#sent * this.#settings.interval - performance.now()
  }

  #armTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#sendDue(), Math.ceil(this.#wait))
  }

  #bringForward(): void {
    const early = this.#wait - returnMs
    if (this.#allSent || early <= 0) return
    this.#start -= early
    this.#armTimer()
  }

  #send(): void {
    const { path, counter, makeProbe } = this.#settings
    const probe = makeProbe(this, this.#sent++)
    counter.sent()
    this.#inFlight.add(probe)
    path.submit(probe)
  }
}
