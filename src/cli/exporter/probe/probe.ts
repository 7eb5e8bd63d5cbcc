import { firstMatch, type Match } from '../../../checks/match.js'
import type { PathOptions } from '../../../options.js'
import type { Pattern } from '../config/values.js'
import type { ProbeMetrics } from '../metrics.js'

/** One probe of one target over one path. */
export interface Probe {
  readonly target: string
  readonly path: PathOptions
  readonly metrics: ProbeMetrics
  /** Fires when the time is over, or when no client waits for the result. */
  readonly signal: AbortSignal
  /** The deadline on the clock of `monotonicNow`. */
  readonly until: number
  /** For the `hostname` parameter of a scrape. */
  readonly hostname: string | undefined
  /** The address that was chosen. */
  address?: string
  log(message: string, details?: Record<string, unknown>): void
}

/** A negative verdict, for which `probe_success` is 0. The text is for the log. */
export class Failed extends Error {}

/** The match of a text, if it has one. Throws if that takes too long. */
export async function matchOf(
  text: string,
  { pattern, compiled }: Pattern,
  signal: AbortSignal,
): Promise<Match | undefined> {
  const found = await firstMatch([text], compiled, signal)
  signal.throwIfAborted()
  if (found === undefined) throw new Failed(`the regular expression ${pattern} takes too long`)
  return found === 'none' ? undefined : found
}

/** Whether a text has a match. Throws if that takes too long. */
export async function matches(text: string, pattern: Pattern, signal: AbortSignal): Promise<boolean> {
  return (await matchOf(text, pattern, signal)) !== undefined
}
