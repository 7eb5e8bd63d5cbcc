import type { SqliteDatabase } from '../../builtins.js'
import type { Stretch } from './stretches.js'

/** A state lasts until the next one, or as long as the monitor is known to have run. */
export function stretchesOf(database: SqliteDatabase, uplink: number): Stretch[] {
  const rows = database.prepare(
    `SELECT at AS "from", coalesce(lead(at) OVER (PARTITION BY run ORDER BY at, state.id), ended) AS "to",
       state, forced, reason, lead(at) OVER (PARTITION BY run ORDER BY at, state.id) IS NULL AS isLast
     FROM state JOIN run ON run.id = run WHERE uplink = ? ORDER BY run, at, state.id`,
  )
  return rows.all(uplink).map(row => ({
    ...{ from: row.from as number, to: row.to as number, reason: row.reason as string },
    state: row.state as Stretch['state'],
    forced: row.forced === 1,
    isLast: row.isLast === 1,
  }))
}
