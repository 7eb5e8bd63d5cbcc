import { addressText } from '../../sockets/address.js'
import type { Verdict } from './probe/echo-request.js'

/**
 * Records which hosts have answered each probe to a group (multicast, broadcast). Each host counts once, within the probe's
 * timeout. Probes to a single host don't use it.
 */
export class Repliers {
  readonly #timeout: number
  readonly #over: () => void
  readonly #byProbe = new Map<number, Set<string>>()
  readonly #timers = new Set<NodeJS.Timeout>()

  /** `timeout`: milliseconds. `over`: called when no further host is awaited. */
  constructor(timeout: number, over: () => void) {
    this.#timeout = timeout
    this.#over = over
  }

  /** Whether further hosts may answer. */
  get areAwaited(): boolean {
    return this.#byProbe.size > 0
  }

  /** Records the first reply to a probe. */
  first(verdict: Verdict): void {
    const { tag, from, target } = verdict
    if (from === target) return
    this.#byProbe.set(tag, new Set([addressText(from!)]))
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#byProbe.delete(tag)
      if (!this.areAwaited) this.#over()
    }, this.#timeout)
    this.#timers.add(timer)
  }

  /** Classifies a later reply. `late`: the time is over, and its host isn't known to have answered before. */
  classify({ tag, from, target, rttMs }: Verdict): 'further' | 'duplicate' | 'late' {
    if (from === target) return 'duplicate'
    const hosts = this.#byProbe.get(tag)
    const host = addressText(from!)
    if (hosts?.has(host)) return 'duplicate'
    if (!hosts || rttMs > this.#timeout) return 'late'
    hosts.add(host)
    return 'further'
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.#byProbe.clear()
  }
}
