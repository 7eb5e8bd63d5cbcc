import type { PingStatistics } from '../../../stats.js'
import { milliseconds, percent, plural } from './format.js'
import type { Column } from './table.js'

/** The summary that ping prints. `hosts`: how many hosts of a group have answered. */
export function pingSummary(
  name: string,
  statistics: PingStatistics,
  errors: number,
  elapsedMs: number,
  hosts: number,
): string[] {
  const { sent, unsent, received, duplicates, lossRatio, minMs, avgMs, maxMs, stddevMs } = statistics
  const counts = [
    `${sent} packets transmitted`,
    `${received} received`,
    ...(unsent ? [`${unsent} not sent`] : []),
    ...(hosts ? [`from ${plural(hosts, 'host')}`] : []),
    ...(duplicates ? [`+${duplicates} duplicates`] : []),
    ...(errors ? [`+${errors} errors`] : []),
    ...(lossRatio === undefined ? [] : [`${percent(lossRatio)} packet loss`]),
    `time ${Math.round(elapsedMs)}ms`,
  ]
  const lines = ['', `--- ${name} ping statistics ---`, counts.join(', ')]
  if (minMs !== undefined) {
    const { jitterMs, p50Ms, p95Ms, p99Ms } = statistics
    lines.push(`rtt min/avg/max/mdev = ${[minMs, avgMs, maxMs, stddevMs].map(thousandths).join('/')} ms`)
    const jitter = jitterMs === undefined ? '' : `, jitter ${thousandths(jitterMs)} ms`
    lines.push(`rtt p50/p95/p99 = ${[p50Ms, p95Ms, p99Ms].map(thousandths).join('/')} ms${jitter}`)
  }
  return lines
}

/** The summary while the series still runs. */
export function pingProgress({ sent, unsent, received, lossRatio, minMs, avgMs, maxMs }: PingStatistics): string {
  const times = minMs === undefined ? '' : `, min/avg/max = ${[minMs, avgMs, maxMs].map(thousandths).join('/')} ms`
  const notSent = unsent ? `, ${unsent} not sent` : ''
  return `${received}/${sent} packets${notSent}, ${percent(lossRatio)} loss${times}`
}

const needed = ['sent', 'unsent', 'received', 'loss', 'avg']

export const statisticsColumns: readonly Column[] = [
  'sent',
  'unsent',
  'received',
  'loss',
  'min',
  'avg',
  'max',
  'stddev',
  'jitter',
  'p95',
].map(title => ({ title, align: 'right', spare: !needed.includes(title) }))

export function statisticsCells(statistics: PingStatistics): string[] {
  const { sent, unsent, received, lossRatio, minMs, avgMs, maxMs, stddevMs, jitterMs, p95Ms } = statistics
  return [
    String(sent),
    String(unsent),
    String(received),
    percent(lossRatio),
    ...[minMs, avgMs, maxMs, stddevMs, jitterMs, p95Ms].map(milliseconds),
  ]
}

function thousandths(value: number | undefined): string {
  return value === undefined ? '-' : value.toFixed(3)
}
