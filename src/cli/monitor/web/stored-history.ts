import { setImmediate as nextTurn } from 'node:timers/promises'
import type { SqliteDatabase } from '../../../builtins.js'
import { historyError, openToRead, readTargets } from '../../../monitor/history/database.js'
import { MinuteCounts } from '../../../monitor/history/minute-counts.js'
import { readStretches } from '../../../monitor/history/read-stretches.js'
import { outagesOf, type Stretch, sharesOf, withoutOverlaps } from '../../../monitor/history/stretches.js'
import type { UplinkState } from '../../../monitor/state/state-machine.js'
import { type CheckHistory, rounded, severities, type UplinkHistory } from './history-report.js'
import type { Range } from './ranges.js'

/** Minutes or states to read in one turn of the event loop. Checks run in between. */
const perTurn = 200
/** Outages in an answer. A line that flaps has a hundred thousand in a range, which would be megabytes for each reader. */
const mostOutages = 1000

/** Finds the recorded minutes by one index look-up each, because the index begins with the time and only one uplink is wanted. */
const minutesOf = `
WITH RECURSIVE moment (at) AS (
  SELECT min(at) FROM minute WHERE at >= ?
  UNION ALL SELECT (SELECT min(at) FROM minute WHERE at > moment.at) FROM moment WHERE moment.at < ?)
SELECT minute.* FROM moment CROSS JOIN target CROSS JOIN minute
WHERE target.uplink = ? AND minute.at = moment.at AND minute.target = target.id AND minute.at < ?`

/** Reads one uplink's range of days from the history file. */
export async function readPast(
  path: string,
  name: string,
  range: Pick<Range, 'seconds' | 'step'>,
  now = Date.now(),
): Promise<UplinkHistory> {
  const { seconds, step } = range
  const end = Math.floor(now / 1000 / step) + 1
  const begin = end - seconds / step
  const period = { from: begin * step * 1000, to: now }
  const database = openToRead(path, 0)
  try {
    const id = database.prepare('SELECT id FROM uplink WHERE name = ?').get(name)?.id as number | undefined
    const stretches = id === undefined ? [] : withoutOverlaps(await inTurns(readStretches(database, id, period.from)))
    const checks = id === undefined ? [] : await checksOf(database, id, period.from, end * step * 1000, step)
    const outages = outagesOf(stretches, period)
    return {
      ...{ name, step, from: begin * step },
      ...{ checks, state: statesOf(stretches, begin, end - begin, step) },
      availability: sharesOf(stretches, period).availability,
      outageCount: outages.length,
      outages: outages.slice(-mostOutages),
    }
  } catch (error) {
    throw historyError(path, error)
  } finally {
    database.close()
  }
}

async function inTurns<T>(items: Iterable<T>): Promise<T[]> {
  const read: T[] = []
  for (const item of items) if (read.push(item) % perTurn === 0) await nextTurn()
  return read
}

/** The worst state of each step. */
function statesOf(stretches: readonly Stretch[], begin: number, count: number, step: number): (UplinkState | null)[] {
  const states = new Uint8Array(count)
  for (const { from, to, state } of stretches) {
    const first = Math.max(0, Math.floor(from / 1000 / step) - begin)
    const last = Math.min(count - 1, Math.floor(to / 1000 / step) - begin)
    for (let at = first; at <= last; at++) states[at] = Math.max(states[at]!, severities.indexOf(state))
  }
  return Array.from(states, severity => severities[severity]!)
}

async function checksOf(
  database: SqliteDatabase,
  uplink: number,
  from: number,
  to: number,
  step: number,
): Promise<CheckHistory[]> {
  const targets = readTargets(database, uplink)
  const counts = (to - from) / 1000 / step
  const steps = new Map(targets.map(({ id }) => [id, new Array<MinuteCounts | undefined>(counts)]))
  let read = 0
  for (const row of database.prepare(minutesOf).iterate(from, to, uplink, to)) {
    const place = Math.floor(((row.at as number) - from) / 1000 / step)
    const of = steps.get(row.target as number)!
    of[place] ??= new MinuteCounts()
    of[place].add(row)
    if (++read % perTurn === 0) await nextTurn()
  }
  return targets
    .map(({ id, type, target }) => ({ type, target, steps: steps.get(id)! }))
    .filter(({ steps }) => steps.some(step => step !== undefined))
    .map(({ type, target, steps }) => ({ type, target, ...columnsOf(Array.from(steps)) }))
}

function columnsOf(steps: readonly (MinuteCounts | undefined)[]) {
  const percentiles = (share: number) => steps.map(step => rounded(step?.latencies.percentile(share)))
  return {
    ...{ minMs: percentiles(0), medianMs: percentiles(0.5), p95Ms: percentiles(0.95) },
    jitterMs: steps.map(step => rounded(step?.jitterMs)),
    lossRatio: steps.map(step => (step ? rounded(step.bad / (step.good + step.bad)) : null)),
  }
}
