import type { Target } from '../icmp/result.js'
import { type Hop, toHop } from './hop.js'
import type { TraceSettings } from './options.js'
import type { Prober, TraceProbe } from './prober.js'

/** Approximate number of probes in flight. Routers limit how many they answer. */
const probesAtOnce = 16

interface PendingHop {
  ttl: number
  probes: TraceProbe[]
  /** Probes without a verdict. */
  open: number
  cancels: (() => void)[]
}

interface Handlers {
  /** In order of distance. */
  hop(hop: Hop): void
  end(): void
}

/**
 * Probes several hops at a time, and reports them in order. It ends with the hop where the target answers, or a host
 * reports that the target can't be reached. Probes to later hops are cancelled.
 */
export class Trace {
  readonly #prober: Prober
  readonly #target: Target
  readonly #settings: TraceSettings
  readonly #handlers: Handlers
  /** Hops that are not reported yet, in order. */
  #hops: PendingHop[] = []
  #next: number
  #last: number
  #ended = false

  constructor(prober: Prober, target: Target, settings: TraceSettings, handlers: Handlers) {
    this.#prober = prober
    this.#target = target
    this.#settings = settings
    this.#handlers = handlers
    this.#next = settings.firstHop
    this.#last = settings.maxHops
    this.#advance()
  }

  /** Cancels the pending probes, and closes the prober. */
  stop(): void {
    if (this.#ended) return
    this.#ended = true
    this.#giveUp(() => true)
    this.#prober.close()
  }

  #advance(): void {
    const { queries } = this.#settings
    let open = this.#hops.reduce((sum, hop) => sum + hop.open, 0)
    for (; this.#next <= this.#last && (open === 0 || open + queries <= probesAtOnce); open += queries) {
      this.#probe(this.#next++)
    }
  }

  #probe(ttl: number): void {
    const { queries, firstHop } = this.#settings
    const hop: PendingHop = { ttl, probes: [], open: queries, cancels: [] }
    this.#hops.push(hop)
    for (let i = 0; i < queries; i++) {
      const sequence = (ttl - firstHop) * queries + i
      hop.cancels.push(
        this.#prober.send(ttl, sequence, probe => {
          hop.probes[i] = probe
          this.#settled(hop, probe)
        }),
      )
    }
  }

  #settled(hop: PendingHop, { outcome }: TraceProbe): void {
    hop.open--
    const nothingSent = hop.open === 0 && hop.probes.every(probe => probe.outcome === 'send-failed')
    if (outcome === 'reply' || outcome === 'unreachable' || outcome === 'too-big' || nothingSent) {
      this.#last = Math.min(this.#last, hop.ttl)
      this.#giveUp(({ ttl }) => ttl > this.#last)
    }
    this.#reportHops()
    if (this.#ended) return
    this.#advance()
  }

  #giveUp(unwanted: (hop: PendingHop) => boolean): void {
    for (const hop of this.#hops) if (unwanted(hop)) for (const cancel of hop.cancels) cancel()
    this.#hops = this.#hops.filter(hop => !unwanted(hop))
  }

  #reportHops(): void {
    const { firstHop, queries } = this.#settings
    for (let hop = this.#hops[0]; hop?.open === 0; hop = this.#hops[0]) {
      this.#hops.shift()
      const { ttl, probes } = hop
      this.#handlers.hop(toHop(ttl, probes, (ttl - firstHop) * queries, this.#target, this.#prober.hiddenBytes))
      if (ttl < this.#last) continue
      this.stop()
      this.#handlers.end()
    }
  }
}
