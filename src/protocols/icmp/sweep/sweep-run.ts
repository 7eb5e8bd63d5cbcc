import { hold } from '../../../binding/poller.js'
import type { NetviaError } from '../../../errors.js'
import { monotonicNow } from '../../../monotonic.js'
import { pathOf } from '../../../options.js'
import { atTick, type Tick, tickMs } from '../../../runtime/ticker.js'
import { clearImmediate, setImmediate } from '../../../runtime/timers.js'
import { TokenBucket } from '../../../runtime/token-bucket.js'
import { addressText } from '../../../sockets/address.js'
import { isOffPath } from '../../../sockets/off-path.js'
import { isWithoutFamily } from '../../../sockets/open.js'
import { onLink } from '../../../sockets/zone.js'
import type { RttCounter } from '../../../stats.js'
import { refuseThisHost } from '../../../system/this-host.js'
import { nameTimeout, resolveFirst } from '../../dns/resolve.js'
import { type SweepTarget, TargetSource, type Targets } from '../../targets/target-source.js'
import { type EchoRequest, emptyVerdict, type ProbeOwner, type Verdict } from '../probe/echo-request.js'
import { Repliers } from '../repliers.js'
import { type PingResult, toResult } from '../result.js'
import { type FamilySocket, FamilySockets, sweepDefaults } from './family-sockets.js'
import { SendWindow } from './send-window.js'
import type { SweepOptions } from './sweep.js'

export interface SweepHandlers {
  result(result: PingResult): void
  /** No more results: all are reported, or the sweep has failed. */
  end(failure?: { reason: unknown }): void
  /** Whether results pile up unread, so that nothing more should be sent. */
  full(): boolean
}

/**
 * Replies of ordinary size that always fit into the receive buffer (it asks for 4 MiB; drivers account up to 2.3 KiB per
 * reply).
 */
const largestWindow = 3500
/** Milliseconds' worth of packets that may be caught up immediately after the event loop was late. */
const catchUpMs = 60
/** Probes sent before replies are read. */
const perTurn = 512

/** Length of a `struct sockaddr_in`. */
const ipv4Length = 16
/** A probe's tag is its number in the order of sending times this, plus its attempt (100 at most). */
const attemptsRoom = 128

/** Neither the target nor a router on the path has answered. */
const isUndecided = (outcome: Verdict['outcome']) => outcome === 'timeout' || outcome === 'send-failed'

/** A target that didn't answer, or could not be asked. */
interface Again {
  target: SweepTarget
  attempt: number
}

/**
 * One running sweep. It draws targets, sends as fast as window and pace allow, and asks unanswered targets again, as well as
 * those that could not be asked.
 */
export class SweepRun implements ProbeOwner {
  readonly counts = { sent: 0, retried: 0, answered: 0, done: 0 }
  readonly #options: SweepOptions
  readonly #handlers: SweepHandlers
  readonly #counter: RttCounter
  readonly #source: TargetSource
  readonly #families: FamilySockets
  readonly #window: SendWindow
  readonly #pace: TokenBucket | undefined
  readonly #stop = new AbortController()
  /** Requests for targets given by name. */
  readonly #named = new Map<EchoRequest, FamilySocket>()
  readonly #again: Again[] = []
  readonly #repliers: Repliers
  #inFlight = 0
  #held: SweepTarget | undefined
  /** Nothing leaves before this tick. Kept while it is awaited. */
  #tick: Tick | undefined
  #release: (() => void) | undefined
  #turn: NodeJS.Immediate | undefined
  #index = 0

  constructor(targets: Targets, options: SweepOptions, counter: RttCounter, handlers: SweepHandlers) {
    const { rate, concurrency, family } = options
    this.#options = options
    this.#handlers = handlers
    this.#counter = counter
    this.#repliers = new Repliers(options.timeout ?? sweepDefaults.timeout, () => this.pump())
    this.#window = new SendWindow(largestWindow, concurrency)
    this.#pace = rate === undefined ? undefined : new TokenBucket(rate, catchUpMs, monotonicNow())
    this.#families = new FamilySockets(options, this, () => this.pump())
    this.#source = new TargetSource('sweep', targets, family, {
      ready: () => this.pump(),
      resolve: name => {
        return resolveFirst(name, { family, timeout: nameTimeout, ...pathOf(options), signal: this.#stop.signal })
      },
      unknown: (name, error) => this.#unknown(name, error),
      failed: reason => this.close({ reason }),
    })
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get drops(): number {
    return this.#families.drops
  }

  /** Sends whatever may leave now. */
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
    this.#endWait()
    clearImmediate(this.#turn)
    this.#source.close()
    this.#repliers.close()
    for (const [request, { path }] of this.#named) path.cancel(request)
    this.#inFlight = 0
    this.#families.close()
    this.#handlers.end(failure)
  }

  settled(verdict: Verdict): void {
    this.#settle(verdict, undefined)
  }

  duplicate(verdict: Verdict, name?: string): void {
    const kind = this.#repliers.classify(verdict)
    if (kind === 'duplicate') this.#counter.duplicate()
    if (kind !== 'further') return
    this.#counter.further(verdict.rttMs)
    this.#report(verdict, name)
  }

  #send(): void {
    this.#window.dropped(this.#families.drops)
    const now = monotonicNow()
    for (let sent = 0; this.#inFlight < this.#window.size && !this.#handlers.full(); sent++) {
      if (sent === perTurn) {
        this.resume()
        return
      }
      if (this.#pace && !this.#mayLeave(this.#pace, now)) return
      const again = this.#again.shift()
      const target = again?.target ?? this.#held ?? this.#source.next()
      this.#held = undefined
      if (!target) {
        this.#endIfDone()
        return
      }
      const familySocket = this.#socketFor(target)
      if (!familySocket) continue
      if (!familySocket.ready) {
        this.#held = target
        return
      }
      this.#submit(target, familySocket, again?.attempt ?? 0)
    }
  }

  /** Undefined for a target that can't be asked, which is reported: without IPv6 in the kernel, or for this host itself. */
  #socketFor(target: SweepTarget): FamilySocket | undefined {
    try {
      refuseThisHost(target.address, this.#options.device)
      return this.#families.of(target.family)
    } catch (error) {
      if (!isWithoutFamily(error) && !isOffPath(error)) throw error
      this.#counter.sent()
      this.#counter.refused()
      this.counts.done++
      const verdict = { ...emptyVerdict(target.address.slice()), outcome: 'send-failed' as const, error }
      this.#report(verdict, target.name)
      return undefined
    }
  }

  #submit(target: SweepTarget, familySocket: FamilySocket, attempt: number): void {
    this.#inFlight++
    this.#counter.sent()
    this.counts.sent++
    if (attempt > 0) this.counts.retried++
    const request = target.name === undefined ? familySocket.request : this.#requestFor(target.name, familySocket)
    familySocket.path.submit(
      request,
      onLink(target.address, this.#options.device),
      this.#index++ * attemptsRoom + attempt,
    )
  }

  #requestFor(name: string, familySocket: FamilySocket): EchoRequest {
    const request = familySocket.requestFor({
      settled: verdict => {
        this.#named.delete(request)
        this.#settle(verdict, name)
      },
      duplicate: verdict => this.duplicate(verdict, name),
    })
    this.#named.set(request, familySocket)
    return request
  }

  /** Ticks send the packets, because waking for each would cost more than sending it. */
  #mayLeave(pace: TokenBucket, now: number): boolean {
    if (this.#tick) return false
    const wait = pace.take(now)
    if (wait === 0) return true
    this.#release = hold()
    // The nearest tick.
    this.#tick = atTick(now + Math.max(0, wait - tickMs / 2), this.#onTick, tickMs)
    return false
  }

  readonly #onTick = (): void => {
    this.#endWait()
    this.pump()
  }

  #endWait(): void {
    this.#tick?.cancel(this.#onTick)
    this.#tick = undefined
    this.#release?.()
    this.#release = undefined
  }

  #endIfDone(): void {
    if (this.#inFlight === 0 && this.#source.done && !this.#repliers.areAwaited) this.close()
  }

  #settle(verdict: Verdict, name: string | undefined): void {
    const { outcome, tag } = verdict
    const attempt = tag % attemptsRoom
    this.#inFlight--
    this.#window.settled()
    this.#count(verdict)
    if (outcome === 'reply') this.#repliers.first(verdict)
    if (isUndecided(outcome) && attempt < (this.#options.retries ?? sweepDefaults.retries)) {
      const { target } = verdict
      const family = target.length === ipv4Length ? 4 : 6
      this.#again.push({ target: { family, address: target.slice(), name }, attempt: attempt + 1 })
    } else {
      this.counts.done++
      if (!isUndecided(outcome)) this.counts.answered++
      this.#report(verdict, name)
    }
    this.resume()
  }

  #count({ outcome, rttMs, tag }: Verdict): void {
    if (outcome === 'reply') this.#counter.reply(rttMs, Math.floor(tag / attemptsRoom))
    else if (outcome === 'send-failed') {
      this.#counter.refused()
      this.counts.sent--
      if (tag % attemptsRoom > 0) this.counts.retried--
    } else this.#counter.lost()
  }

  #report(verdict: Verdict, name: string | undefined): void {
    const { target, tag } = verdict
    const address = addressText(target)
    const family = target.length === ipv4Length ? 4 : 6
    this.#handlers.result(toResult({ host: name ?? address, address, family }, tag % attemptsRoom, verdict))
  }

  /** A name without an address is a result for its target, and doesn't end the sweep. */
  #unknown(host: string, error: NetviaError): void {
    const target = { host, address: '', family: this.#options.family ?? 4 }
    this.counts.done++
    const verdict = { ...emptyVerdict(new Uint8Array()), outcome: 'send-failed' as const, error }
    this.#handlers.result(toResult(target, 0, verdict))
  }

  /** Continues in the next turn of the event loop, which must get turns however near the targets are. */
  resume(): void {
    // The waiting tick will continue the sweep.
    if (this.#tick) return
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined
      this.pump()
    })
  }
}
