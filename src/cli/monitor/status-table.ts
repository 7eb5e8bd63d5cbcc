import type { Forced, UplinkSnapshot } from '../../monitor/record/event-types.js'
import type { UplinkState } from '../../monitor/state/state-machine.js'
import { duration, milliseconds, percent, plural } from '../shared/output/format.js'
import type { Column } from '../shared/output/table.js'
import type { Terminal } from '../shared/output/terminal.js'
import { sparkline } from './sparkline.js'
import type { RecentHistory } from './web/recent-history.js'

const sparkSeconds = 30
/** Terminal lines that hold no uplink: the heading, the cursor, and the note about omitted uplinks. */
const otherLines = 3
/** Longer reasons are cut. The line about the change has the whole text. */
const longestReason = 48

export const stateColumns: readonly Column[] = [
  { title: 'uplink' },
  { title: 'device', spare: true },
  { title: 'state' },
  { title: 'for', align: 'right' },
  { title: 'loss', align: 'right' },
  { title: 'latency', align: 'right' },
]

export const statusColumns: readonly Column[] = [
  ...stateColumns,
  { title: `last ${sparkSeconds} s`, spare: true },
  { title: 'why', spare: true },
]

/** As many rows as fit on the terminal. If not all do, troubled uplinks come first. */
export function statusRows(
  uplinks: readonly UplinkSnapshot[],
  history: RecentHistory,
  { color }: Terminal,
  lines = Number.POSITIVE_INFINITY,
): string[][] {
  const most = Math.max(1, lines - otherLines)
  const shown = uplinks.length <= most ? uplinks : uplinks.toSorted((a, b) => trouble(a) - trouble(b)).slice(0, most)
  const rows = shown.map(uplink => row(uplink, history, color))
  const left = uplinks.length - shown.length
  return left === 0 ? rows : [...rows, [color.dim(`and ${plural(left, 'more uplink')}`)]]
}

export function colored(state: UplinkState, color: Terminal['color']): string {
  const paint = { up: color.green, degraded: color.yellow, down: color.red, unknown: color.dim }
  return paint[state](state)
}

function trouble({ state }: UplinkSnapshot): number {
  return (['down', 'degraded', 'unknown', 'up'] as const).indexOf(state)
}

/** The cells of one uplink for `stateColumns`. */
export function stateCells(uplink: UplinkSnapshot, color: Terminal['color']): string[] {
  const { name, device, state, since, lossRatio } = uplink
  return [
    name,
    device ?? '-',
    colored(state, color),
    duration((Date.now() - since) / 1000),
    percent(lossRatio ?? undefined),
    medians(uplink),
  ]
}

/** The median of each check, in order. They aren't combined, because a ping and a page can't be compared. */
function medians({ checks, statistics }: UplinkSnapshot): string {
  const of = statistics.map(({ p50Ms }) => milliseconds(p50Ms ?? undefined))
  return of.length === 1
    ? of[0]!
    : of.map((median, index) => `${checks[index]?.type ?? ''} ${median}`.trim()).join(', ')
}

export function whyOf({ state, reason, remarks, forced }: UplinkSnapshot): string {
  if (forced) return forcedText(forced)
  return (state === 'up' && remarks.join('; ')) || reason
}

export function forcedText({ state, until, why }: Forced): string {
  const end = until === null ? '' : ` for ${duration((until - Date.now()) / 1000)} more`
  return `forced ${state}${end}${why === null ? '' : `: ${why}`}`
}

function row(uplink: UplinkSnapshot, history: RecentHistory, color: Terminal['color']): string[] {
  const reason = whyOf(uplink)
  const { medianMs: latencies = [], lossRatio: losses = [] } = history.latest(uplink.name, sparkSeconds) ?? {}
  const lost = losses.map((loss, index) => loss !== null && loss > 0 && latencies[index] === null)
  return [
    ...stateCells(uplink, color),
    sparkline(latencies, lost).replaceAll('×', color.red('×')),
    reason.length > longestReason ? `${reason.slice(0, longestReason - 1)}…` : reason,
  ]
}
