import { longestKept, type UplinkState } from '../state/state-machine.js'

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
  /** null: its end isn't known. It lasts, or the monitor ended within it. */
  to: number | null
  /** Without the gap of a restart. */
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

/**
 * The outages that overlap the period, in full length. Time under `netvia force` is no outage. One during which the monitor was restarted
 * is one outage, if it wasn't away for long.
 */
export function outagesOf(stretches: readonly Stretch[], period: Period): Outage[] {
  const outages: (Outage & { seenUntil: number })[] = []
  let before: Stretch | undefined
  for (const stretch of stretches) {
    if (stretch.state === 'unknown') continue
    if (isDown(stretch)) {
      const { from, to: seenUntil, reason, device, isLast } = stretch
      const outage = { from, to: isLast ? null : seenUntil, ms: seenUntil - from, reason, device, seenUntil }
      const earlier = before && continues(before, stretch) && outages.pop()
      outages.push(earlier ? { ...earlier, to: outage.to, ms: earlier.ms + outage.ms, seenUntil } : outage)
    }
    before = stretch
  }
  return outages
    .filter(({ from, seenUntil }) => overlap({ from, to: seenUntil }, period) > 0)
    .map(({ seenUntil: _, ...outage }) => outage)
}

const isDown = ({ state, forced }: Stretch) => state === 'down' && !forced

function continues(before: Stretch, { from, device }: Stretch): boolean {
  return isDown(before) && before.device === device && from - before.to <= longestKept
}

function overlap({ from, to }: Period, period: Period): number {
  return Math.max(0, Math.min(to, period.to) - Math.max(from, period.from))
}
