import type { CheckHistory, UplinkHistory } from '../monitor/web/history-report.js'
import type { Range } from '../monitor/web/ranges.js'

/** Between two requests, in ms. */
const shortestPause = 900
const columns = ['minMs', 'medianMs', 'p95Ms', 'jitterMs', 'lossRatio'] as const

/** One uplink over the range shown. It requests the range once, then only newer steps. */
export class HistoryLoader {
  readonly #uplink: string
  readonly #range: Range
  readonly #changed: (history: UplinkHistory | undefined, error?: string) => void
  readonly #end = new AbortController()
  #history: UplinkHistory | undefined
  #nextAt = 0

  constructor(uplink: string, range: Range, changed: (history: UplinkHistory | undefined, error?: string) => void) {
    this.#uplink = uplink
    this.#range = range
    this.#changed = changed
  }

  /** Called each second. Requests more as soon as there may be another step. */
  async refresh(): Promise<void> {
    if (performance.now() < this.#nextAt) return
    this.#nextAt = Number.POSITIVE_INFINITY
    try {
      const since = this.#history ? newestOf(this.#history) : 0
      const query = new URLSearchParams({
        uplink: this.#uplink,
        range: String(this.#range.seconds),
        since: String(since),
      })
      const response = await fetch(`api/history?${query}`, { signal: this.#end.signal })
      const answer = await response.json()
      if (!response.ok) throw new Error(answer.error)
      this.#history = joined(this.#history, answer, this.#range)
      this.#changed(this.#history)
    } catch (error) {
      // The stream of events also notices a lost connection.
      if (!this.#end.signal.aborted) this.#changed(this.#history, (error as Error).message)
    }
    this.#nextAt = performance.now() + Math.max(shortestPause, Math.min(this.#history?.step ?? 5, 60) * 900)
  }

  end(): void {
    this.#end.abort()
  }
}

/** When the newest step began, which was not complete yet. */
function newestOf({ from, state, step }: UplinkHistory): number {
  return from + (state.length - 1) * step
}

/** Appends newer steps, or replaces everything after the clock was set or the checks changed. */
function joined(before: UplinkHistory | undefined, more: UplinkHistory, { seconds }: Range): UplinkHistory {
  if (!before || newestOf(before) !== more.from) return more
  const most = seconds / more.step
  const keep = <T>(old: readonly T[], next: readonly T[]) => [...old.slice(0, -1), ...next].slice(-most)
  const checks = more.checks.map((check, index): CheckHistory => {
    const known = before.checks[index]
    const old = known?.type === check.type && known.target === check.target ? known : undefined
    const column = (name: (typeof columns)[number]) => {
      return keep(old?.[name] ?? before.state.map(() => null), check[name])
    }
    return Object.assign({ ...check }, ...columns.map(name => ({ [name]: column(name) })))
  })
  const state = keep(before.state, more.state)
  return { ...more, checks, state, from: more.from + (more.state.length - state.length) * more.step }
}
