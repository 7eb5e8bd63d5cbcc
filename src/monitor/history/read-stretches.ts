import type { SqliteDatabase } from '../../builtins.js'
import { hasColumn } from './database.js'
import type { Stretch } from './stretches.js'

/** The latest time that a JavaScript date can hold, in ms since the epoch. */
const latest = 8.64e15

/** In each run, from the state that it had at a time. By an index, because a line that flaps has made a million. */
const statesOf = (device: string) => `
SELECT run.id AS run, ended, at, state, forced, CAST(reason AS TEXT) AS reason, CAST(nullif(${device}, '') AS TEXT) AS device
FROM run CROSS JOIN state ON state.run = run.id AND uplink = ?1
WHERE ended >= ?2 AND at >= coalesce(
  (SELECT max(at) FROM state AS before WHERE before.run = run.id AND before.uplink = ?1 AND before.at <= ?2), -${latest})
ORDER BY run.id, at, state.id`

/**
 * Reads what lasted until `from` or longer, in full length. A state lasts until the next one of its run, or as long as the monitor is known to
 * have run. Runs can overlap: see `withoutOverlaps`.
 */
export function* readStretches(database: SqliteDatabase, uplink: number, from: number): Generator<Stretch> {
  let before: { stretch: Stretch; run: unknown } | undefined
  const newest = '(SELECT device FROM uplink WHERE id = ?1)'
  const device = hasColumn(database, 'state', 'device') ? `coalesce(state.device, ${newest})` : newest
  for (const row of database.prepare(statesOf(device)).iterate(uplink, from)) {
    const at = timeOf(row.at)
    if (before?.run === row.run) yield { ...before!.stretch, to: at, isLast: false }
    else if (before) yield before.stretch
    const state = row.state as Stretch['state']
    const reason = row.reason as string
    const device = row.device as string | null
    const stretch = { from: at, to: timeOf(row.ended), state, reason, forced: row.forced === 1, device, isLast: true }
    before = { stretch, run: row.run }
  }
  if (before) yield before.stretch
}

function timeOf(value: unknown): number {
  if (typeof value === 'number' && Math.abs(value) <= latest) return value
  throw new Error(`the time of a state is damaged: ${value}`)
}
