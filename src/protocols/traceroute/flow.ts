import { pathOf } from '../../options.js'
import { type PingResult, type Target, toResult } from '../icmp/result.js'
import { openProber } from './open-prober.js'
import type { TraceSettings } from './options.js'
import type { Prober, TraceProbe } from './prober.js'
import { Round } from './round.js'
import { RouteRecord } from './route-statistics.js'
import { holdSourcePort, type SourcePort } from './source-port.js'

const probesAtOnce = 16
/**
 * Once a probe has been answered, netvia waits for further probes of the flow this long, plus this many times the slowest
 * answer.
 */
const patienceMs = 200
const patienceFactor = 4

/**
 * One series of rounds over one route. Over UDP and TCP all its probes have the same addresses and ports, so that routers
 * that balance load send them along one path. The kernel then can't distinguish them, so only one is in flight at a time.
 */
export class Flow {
  readonly record: RouteRecord
  readonly #settings: TraceSettings
  readonly #target: Target
  readonly #source: SourcePort | undefined
  readonly #prober: Prober
  readonly #rounds = new Set<Round>()
  readonly #seen: (ttl: number, result: PingResult) => void
  #closed = false
  #sequence = 0
  #roundsBegun = 0
  #slowestMs: number | undefined

  /** `seen` receives each probe that has a verdict. */
  constructor(target: Target, settings: TraceSettings, seen: (ttl: number, result: PingResult) => void) {
    const { method } = settings
    this.record = new RouteRecord(settings)
    this.#settings = settings
    this.#target = target
    this.#seen = seen
    this.#source = method === 'icmp' ? undefined : holdSourcePort(target.family, method, pathOf(settings))
    try {
      this.#prober = openProber(target, settings, this.#source?.port)
    } catch (error) {
      this.#source?.close()
      throw error
    }
  }

  get ready(): Promise<void> {
    return this.#prober.ready
  }

  get sourcePort(): number | undefined {
    return this.#source?.port
  }

  /** Resolves when every probe has its verdict. */
  round(): Promise<void> {
    const number = this.#roundsBegun++
    return new Promise(resolve => {
      const round: Round = new Round(
        {
          firstHop: this.#settings.firstHop,
          last: () => this.record.last,
          atOnce: this.#source ? 1 : probesAtOnce,
          send: (ttl, settled) => this.#prober.send(ttl, this.#sequence++, settled, this.#patience),
          settled: (ttl, probe) => this.#settled(number, ttl, probe),
        },
        () => {
          this.#rounds.delete(round)
          resolve()
        },
      )
      this.#rounds.add(round)
    })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const round of this.#rounds) round.cancel()
    this.#prober.close()
    this.#source?.close()
  }

  get #patience(): number {
    const { timeout } = this.#settings
    if (!this.#source || this.#slowestMs === undefined) return timeout
    return Math.min(timeout, patienceMs + patienceFactor * this.#slowestMs)
  }

  #settled(round: number, ttl: number, probe: TraceProbe): PingResult {
    const result = toResult(this.#target, round, probe)
    if (result.rttMs !== undefined) this.#slowestMs = Math.max(this.#slowestMs ?? 0, result.rttMs)
    this.record.add(ttl, result)
    this.#seen(ttl, result)
    return result
  }
}
