import { errorAt, invalidArgument } from '../../errors.js'
import { monotonicNow } from '../../monotonic.js'
import { type Check, integer, longestTimer, number, type Schema } from '../../options.js'
import { noLongerNeeded } from '../../runtime/deadline.js'
import { ResultQueue } from '../../runtime/result-queue.js'
import { ResultStream } from '../../runtime/result-stream.js'
import { findTarget } from '../icmp/ping-options.js'
import type { Target } from '../icmp/result.js'
import { Flow } from './flow.js'
import { HopNames } from './hop-names.js'
import {
  checkTraceOptions,
  type TracerouteOptions,
  type TraceSettings,
  tracerouteDefaults,
  tracerouteSchema,
} from './options.js'
import { RouteRecord, type RouteStatistics } from './route-statistics.js'

/** Options of `traceroutes`: those of `traceroute` without `queries`, because each round sends one probe to each hop. */
export interface TraceroutesOptions extends Omit<TracerouteOptions, 'queries'> {
  /** Number of rounds, each of one probe to each hop. Default: unlimited. */
  count?: number
  /** Milliseconds from one round to the next, 10 or more. Default 1000. */
  interval?: number
  /**
   * Number of flows, 1-64, each with its own source port. Default 1. Routers that balance load over several lines may send
   * each flow along another path. Not with `icmp`, which has no ports.
   */
  flows?: number
}

type Settings = TraceSettings & TraceroutesOptions

const countCheck: Check = (value, name) => {
  if (value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && (value as number) > 0))
    return value as never
  throw invalidArgument(name, value, 'a positive integer or Infinity')
}

const { queries: _queries, ...shared } = tracerouteSchema
export const traceroutesSchema = {
  ...shared,
  count: countCheck,
  interval: number(10, longestTimer),
  flows: integer(1, 64),
} satisfies Schema

export const traceroutesDefaults = { ...tracerouteDefaults, interval: 1000, flows: 1 } as const

/**
 * Watches the route to a host. Returns an async iterable of statistics by hop, one for each round, with live `statistics`.
 * It is to mtr(8) what `pings` is to ping(8). It starts with the first `next()`. A round sends one probe to each hop up to
 * the target, or up to five hops beyond the last one that has answered. A slow consumer gets the newest round.
 *
 * With `icmp`, round n starts at start + n · interval. With `udp` and `tcp`, all probes of a flow have one source port and
 * one destination port, so that they take one path. Only one is in flight at a time, and a round takes as long as its
 * answers. It starts at its time, or when the previous one has ended. A probe waits for at most `timeout`. Probes of a hop
 * that has answered wait for at most 200 ms plus four times the slowest answer. Once another has answered, a silent hop is
 * waited for in full ever more rarely.
 *
 * `break`, `return()` and the signal end it and leave nothing open. See docs/traceroute.md.
 *
 * @throws NetviaError as `traceroute`; while the device is missing, probes count as `unsent`.
 */
export function traceroutes(host: string, options: TraceroutesOptions = {}): RouteSeries {
  const settings: Settings = checkTraceOptions('traceroutes', host, options, traceroutesSchema)
  if (settings.flows !== undefined && settings.flows > 1 && settings.method === 'icmp') {
    throw errorAt('flows', invalidArgument('traceroutes: flows', settings.flows, '1 or left out with method icmp'))
  }
  return new RouteSeries(host, settings)
}

/** The async iterable that `traceroutes` returns. You can consume it once. */
export class RouteSeries extends ResultStream<RouteStatistics> {
  readonly #host: string
  readonly #settings: Settings
  readonly #results: ResultQueue<RouteStatistics>
  readonly #stop = new AbortController()
  readonly #record: RouteRecord
  readonly #names: HopNames | undefined
  #flows: Flow[] = []
  #target: Target | undefined
  #rounds = 0
  #paused = false
  /** Set by `resume`: the next round need not wait for its time. */
  #hurried = false
  /** Ends the wait for the next round, or for the end of a pause. */
  #wake = () => {}
  /** Ends the wait for rounds. */
  #leave = () => {}

  /** @internal */
  constructor(host: string, settings: Settings) {
    const results = new ResultQueue<RouteStatistics>({ capacity: 1, ended: () => this.#end() })
    super(results, settings.signal, () => this.#run())
    this.#results = results
    this.#host = host
    this.#settings = settings
    this.#record = new RouteRecord(settings)
    if (settings.names) this.#names = new HopNames(settings, this.#stop.signal)
  }

  /** Statistics of all rounds so far. Undefined until the address is known. */
  get statistics(): RouteStatistics | undefined {
    if (!this.#target) return undefined
    const { address, family } = this.#target
    const nameOf = (address: string) => this.#names?.of(address)
    const depth = Math.max(...this.#flows.map(({ record }) => record.depth))
    return {
      host: this.#host,
      address,
      family,
      rounds: this.#rounds,
      reached: this.#flows.some(({ record }) => record.reached),
      ...(this.#record.error && { error: this.#record.error }),
      hops: this.#record.statistics(nameOf, depth),
      ...(this.#flows.length > 1 && {
        flows: this.#flows.map(({ record, sourcePort }) => {
          return { sourcePort: sourcePort!, reached: record.reached, hops: record.statistics(nameOf) }
        }),
      }),
    }
  }

  /** Pauses: no round starts until `resume`. */
  pause(): void {
    this.#paused = true
    this.#hurried = false
  }

  /** Resumes: the next round starts now. */
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#hurried = true
    this.#wake()
  }

  /** Resets the statistics. */
  reset(): void {
    this.#rounds = 0
    for (const record of [this.#record, ...this.#flows.map(({ record }) => record)]) record.reset()
  }

  async #run(): Promise<void> {
    const { flows = 1 } = this.#settings
    const target = await findTarget(this.#host, { ...this.#settings, signal: this.#stop.signal })
    if (this.#results.ended) return
    const opened: Flow[] = []
    try {
      for (let i = 0; i < flows; i++) {
        opened.push(new Flow(target, this.#settings, (ttl, result) => this.#record.add(ttl, result)))
      }
      await Promise.all(opened.map(({ ready }) => ready))
      if (this.#results.ended) return
      this.#target = target
      this.#flows = opened
      await this.#probe()
      this.#results.end()
    } finally {
      for (const flow of opened) flow.close()
    }
  }

  async #probe(): Promise<void> {
    const { count = Number.POSITIVE_INFINITY, interval = traceroutesDefaults.interval, method } = this.#settings
    const rounds = new Set<Promise<void>>()
    let ended = 0
    const round = async () => {
      await Promise.all(this.#flows.map(flow => flow.round()))
      this.#rounds++
      let route = this.statistics!
      if (++ended === count && this.#names) {
        await this.#names.settled()
        route = this.statistics!
      }
      this.#results.push(route)
    }
    for (let due = monotonicNow(), started = 1; !this.#results.ended; started++) {
      while (this.#paused && !this.#results.ended) await this.#sleep()
      if (this.#results.ended) break
      if (this.#hurried) due = monotonicNow()
      this.#hurried = false
      const running = round().finally(() => rounds.delete(running))
      rounds.add(running)
      if (method !== 'icmp' || started === count) await this.#settled(rounds)
      if (started === count) break
      const now = monotonicNow()
      due = Math.max(due + interval, now)
      await this.#sleep(due - now)
    }
  }

  /** Resolves when these rounds have ended, or the series. A promise of the whole series would keep what each of them waits for. */
  #settled(rounds: Iterable<Promise<void>>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#leave = resolve
      Promise.all(rounds).then(() => resolve(), reject)
    })
  }

  /** Resolves then, or when woken. */
  async #sleep(ms?: number): Promise<void> {
    if (this.#hurried || this.#results.ended) return
    await new Promise<void>(resolve => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #end(): void {
    for (const flow of this.#flows) flow.close()
    this.#stop.abort(noLongerNeeded)
    this.#leave()
    this.#wake()
  }
}
