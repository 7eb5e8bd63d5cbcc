import type { SqliteDatabase } from '../../builtins.js'

/** How long minute values are kept, in ms: 90 days. Outages are kept permanently. */
const minutesKept = 90 * 86_400_000

/**
 * Removes old minutes, up to a number of rows, and over no more than twice the time that is being `added`: a clock that is ahead by years
 * for an hour costs two hours of the past, and not all of it.
 */
export function prune(database: SqliteDatabase, now: number, added: number, rows: number): void {
  const { oldest } = database.prepare('SELECT min(at) AS oldest FROM minute').get() as { oldest: number }
  const until = Math.min(now - minutesKept, oldest + 2 * added)
  const remove = `DELETE FROM minute WHERE (at, target) IN
    (SELECT at, target FROM minute WHERE at < ? ORDER BY at LIMIT ?)`
  database.prepare(remove).run(until, rows)
}
