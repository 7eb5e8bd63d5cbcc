import { pathOf } from '../../options.js'
import { type PingResult, type Target, toResult } from '../icmp/result.js'
import { openProber } from './open-prober.js'
import type { TraceSettings } from './options.js'
import { Patience } from './patience.js'
import type { Prober, TraceProbe } from './prober.js'
import { Round } from './round.js'
import { RouteRecord } from './route-statistics.js'
import { holdSourcePort, type SourcePort } from './source-port.js'

const probesAtOnce = 16

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
  readonly #patience: Patience
  readonly #rounds = new Set<Round>()
  readonly #seen: (ttl: number, result: PingResult) => void
  #closed = false
  #sequence = 0
  #roundsBegun = 0

  /** `seen` receives each probe that has a verdict. */
  constructor(target: Target, settings: TraceSettings, seen: (ttl: number, result: PingResult) => void) {
    const { method } = settings
    this.record = new RouteRecord(settings)
    this.#settings = settings
    this.#target = target
    this.#seen = seen
    this.#patience = new Patience(settings.timeout)
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
          send: (ttl, settled) => this.#prober.send(ttl, this.#sequence++, settled, this.#timeout(ttl)),
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

  #timeout(ttl: number): number {
    return this.#source ? this.#patience.for(ttl) : this.#settings.timeout
  }

  #settled(round: number, ttl: number, probe: TraceProbe): PingResult {
    const result = toResult(this.#target, round, probe)
    this.#patience.add(ttl, result)
    this.record.add(ttl, result)
    this.#seen(ttl, result)
    return result
  }
}
