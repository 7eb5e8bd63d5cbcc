import type { Outage } from '../../../monitor/history/stretches.js'
import type { UplinkState } from '../../../monitor/state/state-machine.js'

/** One check in steps of equal length, from the oldest; null where nothing is known. Latencies in ms. */
export interface CheckColumns {
  minMs: (number | null)[]
  medianMs: (number | null)[]
  p95Ms: (number | null)[]
  /** Mean absolute difference of successive answers. */
  jitterMs: (number | null)[]
  lossRatio: (number | null)[]
}

export interface CheckHistory extends CheckColumns {
  type: string
  target: string
}

/** What became of an uplink: what `/api/history` gives. */
export interface UplinkHistory {
  name: string
  /** Seconds a step is long. */
  step: number
  /** Beginning of the first step, in seconds since the epoch. */
  from: number
  /** From the oldest step; the worst state of each; null where nobody looked. */
  state: (UplinkState | null)[]
  checks: CheckHistory[]
  /** The share of the range's time with a verdict in which the uplink was up or degraded, 0-1. null: no verdict. */
  availability: number | null
  /** Those of the whole range, from the oldest. */
  outages: Outage[]
}

/** Of several in one step the last of these is shown: the worst, and what is known before what is not. */
export const severities: readonly (UplinkState | null)[] = [null, 'unknown', 'up', 'degraded', 'down']

/** To a thousandth: more is noise, and bytes. */
export function rounded(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : Math.round(value * 1000) / 1000
}
