import type { PingResult } from '../icmp/result.js'

/** A flow whose hops have answered waits this long for one of them, plus this many times the slowest answer. */
const patienceMs = 200
const patienceFactor = 4
/** A silent hop is waited for in full at least once in so many probes. */
const mostSilent = 16

interface Waits {
  /** In full and in vain, in a row. */
  vain: number
  /** Probes until the next that is waited for in full. */
  hurried: number
}

/**
 * How long a flow waits for its hops. A late answer would be lost, or taken for that of the next probe, so each hop is waited for in full
 * until it answers: the line behind the first router may be a hundred times slower. Most silent hops never answer, so that happens ever
 * more rarely.
 */
export class Patience {
  readonly #timeout: number
  readonly #waits = new Map<number, Waits>()
  #slowestMs = 0

  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /** Milliseconds to wait for the next probe of this hop. */
  for(ttl: number): number {
    const isHurried = (this.#waits.get(ttl)?.hurried ?? 0) > 0
    return isHurried ? Math.min(this.#timeout, patienceMs + patienceFactor * this.#slowestMs) : this.#timeout
  }

  /** The outcome of that probe. */
  add(ttl: number, { outcome, rttMs }: PingResult): void {
    const { vain, hurried } = this.#waits.get(ttl) ?? { vain: 0, hurried: 0 }
    if (rttMs !== undefined) {
      this.#slowestMs = Math.max(this.#slowestMs, rttMs)
      this.#waits.set(ttl, { vain: 0, hurried: 1 })
    } else if (outcome === 'timeout' && this.#waits.size > 0) {
      // While no hop has answered, silence says nothing about this one, and nobody knows how slow the line is.
      const isVain = hurried === 0
      const next = isVain ? Math.min(2 ** (vain + 1), mostSilent) - 1 : hurried - 1
      this.#waits.set(ttl, { vain: isVain ? vain + 1 : vain, hurried: next })
    }
  }
}
