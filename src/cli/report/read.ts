import type { SqliteDatabase } from '../../builtins.js'
import { historyError, openToRead, readTargets } from '../../monitor/history/database.js'
import { MinuteCounts } from '../../monitor/history/minute-counts.js'
import { readStretches } from '../../monitor/history/read-stretches.js'
import {
  type Outage,
  outagesOf,
  type Period,
  type Share,
  sharesOf,
  withoutOverlaps,
} from '../../monitor/history/stretches.js'

/** In ms, for a lock of another program. */
const patience = 1000

export interface TargetReport extends LatencyReport {
  type: string
  target: string
}

export interface LatencyReport {
  /** Results of the period. */
  checks: number
  /** null without any. */
  lossRatio: number | null
  p50Ms: number | null
  p95Ms: number | null
  p99Ms: number | null
  /** Mean absolute difference of successive answers. */
  jitterMs: number | null
}

export interface UplinkReport extends Share, LatencyReport {
  name: string
  device: string | null
  outages: Outage[]
  targets: TargetReport[]
}

/** What the history has of each uplink. */
export function readHistory(path: string, period: Period): UplinkReport[] {
  const database = openToRead(path, patience)
  try {
    const names = 'SELECT id, CAST(name AS TEXT) AS name, CAST(device AS TEXT) AS device FROM uplink ORDER BY id'
    const uplinks = database.prepare(names).all()
    const counted = countTargets(database, period)
    return uplinks.map(({ id, name, device }) => {
      const stretches = withoutOverlaps([...readStretches(database, id as number, period.from)])
      const targets = counted.filter(({ uplink }) => uplink === id)
      const pings = targets.filter(({ type }) => type === 'ping')
      return {
        ...{ name: name as string, device: device as string | null },
        ...sharesOf(stretches, period),
        // A page takes longer than an echo: one figure for both would describe neither.
        ...latencyReport(pings.length > 0 ? pings : targets),
        outages: outagesOf(stretches, period),
        targets: targets.map(target => ({
          ...{ type: target.type, target: target.target },
          ...latencyReport([target]),
        })),
      }
    })
  } catch (error) {
    throw historyError(path, error)
  } finally {
    database.close()
  }
}

interface Counted {
  uplink: number
  type: string
  target: string
  counts: MinuteCounts
}

/** The targets that were checked in the period, from one look at its minutes. */
function countTargets(database: SqliteDatabase, { from, to }: Period): Counted[] {
  const targets = new Map<number, Counted>()
  for (const { id, uplink, type, target } of readTargets(database)) {
    targets.set(id, { uplink, type, target, counts: new MinuteCounts() })
  }
  const minutes = database.prepare('SELECT * FROM minute WHERE at >= ? AND at < ?')
  for (const row of minutes.iterate(from, to)) targets.get(row.target as number)?.counts.add(row)
  return [...targets.values()].filter(({ counts: { good, bad } }) => good + bad > 0)
}

function latencyReport(all: readonly Counted[]): LatencyReport {
  const total = new MinuteCounts()
  for (const { counts } of all) total.addAll(counts)
  const checks = total.good + total.bad
  const percentile = (share: number) => total.latencies.percentile(share) ?? null
  return {
    checks,
    lossRatio: checks === 0 ? null : total.bad / checks,
    ...{ p50Ms: percentile(0.5), p95Ms: percentile(0.95), p99Ms: percentile(0.99) },
    jitterMs: total.jitterMs ?? null,
  }
}
