import type { NetviaError } from '../../../errors.js'
import { pathOf } from '../../../options.js'
import { decodeAddress } from '../../../sockets/address.js'
import type { RttCounter } from '../../../stats.js'
import { resolve } from '../../dns/resolve.js'
import { Probe, type ProbeOwner } from '../probe.js'
import { type PingResult, toResult } from '../result.js'
import { type Lane, Lanes } from './lanes.js'
import { Pace } from './pace.js'
import type { SweepOptions } from './sweep.js'
import { type SweepTarget, TargetSource, type Targets } from './target-source.js'
import { SendWindow } from './window.js'

export interface SweepHandlers {
  result(result: PingResult): void
  /** No more results: all are told, or it has failed. */
  end(failure?: { reason: unknown }): void
  /** Nobody takes the results: nothing more is to be sent. */
  full(): boolean
}

/** Replies of ordinary size that the receive buffer is sure to hold (4 MiB asked for; drivers account up to 2.3 KiB each). */
const largestWindow = 3500
/** Probes that leave before what came back is read. */
const perTurn = 512

/** A request on its way: which target, which attempt. */
class Attempt extends Probe {
  constructor(
    owner: ProbeOwner,
    readonly whom: SweepTarget,
    lane: Lane,
    timeout: number,
    hops: number | undefined,
    index: number,
    readonly number: number,
  ) {
    super(owner, whom.address, lane.template, timeout, 0, hops, index)
  }
}

/** One sweep while it runs: draws targets, sends as fast as window and pace allow, asks the silent again. */
export class SweepRun implements ProbeOwner {
  readonly counts = { sent: 0, retried: 0, answered: 0, done: 0 }
  readonly #options: SweepOptions
  readonly #handlers: SweepHandlers
  readonly #counter: RttCounter
  readonly #source: TargetSource
  readonly #lanes: Lanes
  readonly #window: SendWindow
  readonly #pace: Pace | undefined
  readonly #stop = new AbortController()
  readonly #inFlight = new Set<Attempt>()
  readonly #again: Attempt[] = []
  #held: SweepTarget | undefined
  #timer: NodeJS.Timeout | undefined
  #turn: NodeJS.Immediate | undefined
  #index = 0

  constructor(targets: Targets, options: SweepOptions, counter: RttCounter, handlers: SweepHandlers) {
    const { rate, concurrency, family } = options
    this.#options = options
    this.#handlers = handlers
    this.#counter = counter
    this.#window = new SendWindow(largestWindow, concurrency)
    this.#pace = rate === undefined ? undefined : new Pace(rate, performance.now())
    this.#lanes = new Lanes(options, () => this.pump())
    this.#source = new TargetSource(targets, family, {
      ready: () => this.pump(),
      resolve: async name => (await resolve(name, { family, ...pathOf(options), signal: this.#stop.signal }))[0]!,
      unknown: (name, error) => this.#unknown(name, error),
      failed: reason => this.close({ reason }),
    })
  }

  get inFlight(): number {
    return this.#inFlight.size
  }

  get drops(): number {
    return this.#lanes.drops
  }

  /** Sends what may leave now. */
  pump(): void {
    if (this.#stop.signal.aborted) return
    try {
      this.#send()
    } catch (reason) {
      this.close({ reason })
    }
  }

  close(failure?: { reason: unknown }): void {
    if (this.#stop.signal.aborted) return
    this.#stop.abort()
    clearTimeout(this.#timer)
    clearImmediate(this.#turn)
    this.#source.close()
    for (const probe of this.#inFlight) this.#lanes.of(probe.whom.family).path.cancel(probe)
    this.#inFlight.clear()
    this.#lanes.close()
    this.#handlers.end(failure)
  }

  settled(probe: Probe): void {
    const attempt = probe as Attempt
    this.#inFlight.delete(attempt)
    this.#window.settled()
    this.#count(attempt)
    if (attempt.outcome === 'timeout' && attempt.number < (this.#options.retries ?? 0)) this.#again.push(attempt)
    else this.#tell(attempt)
    this.resume()
  }

  duplicate(): void {
    this.#counter.duplicate()
  }

  #send(): void {
    this.#window.dropped(this.#lanes.drops)
    for (let sent = 0; this.#inFlight.size < this.#window.size && !this.#handlers.full(); sent++) {
      if (sent === perTurn) {
        this.resume()
        return
      }
      if (this.#pace && !this.#mayLeave(this.#pace)) return
      const again = this.#again.shift()
      const target = again?.whom ?? this.#held ?? this.#source.next()
      this.#held = undefined
      if (!target) {
        this.#endIfDone()
        return
      }
      const lane = this.#lanes.of(target.family)
      if (!lane.ready) {
        this.#held = target
        return
      }
      this.#submit(target, lane, again ? again.number + 1 : 0)
    }
  }

  #submit(target: SweepTarget, lane: Lane, number: number): void {
    const { timeout = 1000, ttl } = this.#options
    const attempt = new Attempt(this, target, lane, timeout, ttl, this.#index++, number)
    this.#inFlight.add(attempt)
    this.#counter.sent()
    this.counts.sent++
    if (number > 0) this.counts.retried++
    lane.path.submit(attempt)
  }

  #mayLeave(pace: Pace): boolean {
    if (this.#timer) return false
    if (pace.take(performance.now())) return true
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.pump()
    }, Math.ceil(pace.wait))
    return false
  }

  #endIfDone(): void {
    if (this.#inFlight.size === 0 && this.#source.done) this.close()
  }

  #count({ outcome, rttMs, tag }: Attempt): void {
    if (outcome === 'reply') this.#counter.reply(rttMs, tag)
    else if (outcome === 'send-failed') {
      this.#counter.refused()
      this.counts.sent--
    } else this.#counter.lost()
  }

  #tell(attempt: Attempt): void {
    const { address = '' } = decodeAddress(attempt.target) ?? {}
    const { family, name = address } = attempt.whom
    this.counts.done++
    if (attempt.outcome !== 'timeout' && attempt.outcome !== 'send-failed') this.counts.answered++
    this.#handlers.result(toResult({ host: name, address, family }, attempt.number, attempt))
  }

  /** A name without an address is an outcome of its target, not the end of the sweep. */
  #unknown(name: string, error: NetviaError): void {
    const lane = this.#lanes.of(this.#options.family ?? 4)
    const whom = { family: this.#options.family ?? 4, address: new Uint8Array(), name }
    const attempt = new Attempt(this, whom, lane, 0, -1, this.#index, 0)
    attempt.outcome = 'send-failed'
    attempt.error = error
    this.#tell(attempt)
  }

  /** Goes on in the next turn of the event loop, which must have its turns however near the targets are. */
  resume(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined
      this.pump()
    })
  }
}
