import type { UplinkState } from '../state/state-machine.js'

/** Beginning and end, in ms since the epoch. */
export interface Period {
  from: number
  to: number
}

/** A time in one state. */
export interface Stretch extends Period {
  state: UplinkState
  /** Set by `netvia force`. */
  forced: boolean
  reason: string
  /** The device that the uplink had then; null if it had none. Only a history knows it. */
  device?: string | null
  /** The next state is unknown, or has not come yet. */
  isLast: boolean
}

/** How a period was shared between the states, in ms. */
export interface Share {
  /** The share of the time with a verdict in which it was up or degraded, 0-1; null without a verdict. */
  availability: number | null
  upMs: number
  degradedMs: number
  downMs: number
  /** In a state that `netvia force` made: no part of the availability. */
  forcedMs: number
  /** No monitor ran, or it had no verdict yet. */
  unknownMs: number
}

export interface Outage {
  from: number
  /** null: the history ends within it. */
  to: number | null
  /** Lasts until its end, or until the end of the history. */
  ms: number
  reason: string
  /** See `Stretch`. */
  device?: string | null
}

/**
 * In order, and without the time that an earlier one has. Runs overlap if the clock was set back between them, and no time counts
 * twice.
 */
export function withoutOverlaps(stretches: readonly Stretch[]): Stretch[] {
  let end = Number.NEGATIVE_INFINITY
  return [...stretches]
    .sort((a, b) => a.from - b.from)
    .flatMap(stretch => {
      const from = Math.max(stretch.from, end)
      if (stretch.to <= from) return []
      end = stretch.to
      return { ...stretch, from }
    })
}

export function sharesOf(stretches: readonly Stretch[], period: Period): Share {
  const total = (wanted: (stretch: Stretch) => boolean) =>
    stretches.filter(wanted).reduce((sum, stretch) => sum + overlap(stretch, period), 0)
  const measured = (state: UplinkState) => total(stretch => stretch.state === state && !stretch.forced)
  const [upMs, degradedMs, downMs] = [measured('up'), measured('degraded'), measured('down')]
  const forcedMs = total(({ forced }) => forced)
  const judged = upMs + degradedMs + downMs
  return {
    availability: judged === 0 ? null : (upMs + degradedMs) / judged,
    ...{ upMs, degradedMs, downMs, forcedMs },
    unknownMs: period.to - period.from - judged - forcedMs,
  }
}

/** The outages that overlap the period, in full length. Time under `netvia force` is no outage. */
export function outagesOf(stretches: readonly Stretch[], period: Period): Outage[] {
  return stretches
    .filter(stretch => stretch.state === 'down' && !stretch.forced && overlap(stretch, period) > 0)
    .map(({ from, to, reason, device, isLast }) => ({ from, to: isLast ? null : to, ms: to - from, reason, device }))
}

function overlap({ from, to }: Period, period: Period): number {
  return Math.max(0, Math.min(to, period.to) - Math.max(from, period.from))
}
