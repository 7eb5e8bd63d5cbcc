import type { Outage } from '../../../monitor/history/stretches.js'
import type { UplinkState } from '../../../monitor/state/state-machine.js'

/** One check in steps of equal length, oldest first. Unknown steps are null. Latencies are in ms. */
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

/** The history of an uplink, as `/api/history` returns it. */
export interface UplinkHistory {
  name: string
  /** Length of a step in seconds. */
  step: number
  /** Beginning of the first step, in seconds since the epoch. */
  from: number
  /** The worst state of each step, oldest first; null if no monitor ran. */
  state: (UplinkState | null)[]
  checks: CheckHistory[]
  /** The share of the range's time with a verdict in which the uplink was up or degraded, 0-1. null: no verdict. */
  availability: number | null
  /** How many outages the range had. */
  outageCount: number
  /** The newest thousand of them, oldest first. */
  outages: Outage[]
}

/** Ranks states. A step shows the last of these that occurred in it: the worst one, and `unknown` only if it is alone. */
export const severities: readonly (UplinkState | null)[] = [null, 'unknown', 'up', 'degraded', 'down']

/** Rounds to a thousandth. More digits would be noise. */
export function rounded(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : Math.round(value * 1000) / 1000
}
