import type { LineReport } from '../../line/inspect-line.js'
import type { RateDirection, RateResult } from '../../line/rate/rate-result.js'
import { bitRate, milliseconds, percent } from '../shared/output/format.js'

type Row = readonly [title: string, cell: (report: LineReport) => string | undefined]

/** Rate and latency under load. */
export const rateRows: readonly Row[] = [
  ['idle RTT', ({ rate }) => rate?.idle && milliseconds(rate.idle.p50Ms)],
  ...rowsOf('download', ({ rate }) => rate?.down),
  ...rowsOf('upload', ({ rate }) => rate?.up),
]

function rowsOf(title: string, of: (report: LineReport) => RateDirection | undefined): Row[] {
  const cell =
    (show: (direction: RateDirection) => string): Row[1] =>
    report => {
      const direction = of(report)
      // A measurement that was asked for and has no result is not one that nobody asked for.
      return direction ? show(direction) : report.rate && 'unknown'
    }
  return [
    [title, cell(rateText)],
    [`  payload`, cell(({ goodputBitsPerSecond }) => bitRate(goodputBitsPerSecond))],
    [`  RTT`, cell(({ latency }) => milliseconds(latency.p50Ms))],
    [`  jitter`, cell(({ latency }) => milliseconds(latency.jitterMs))],
    [`  loss`, cell(({ latency }) => percent(latency.lossRatio))],
    [`  RTT in TCP`, cell(({ tcpRttMs }) => milliseconds(tcpRttMs))],
  ]
}

function rateText({ bitsPerSecond, limitedBy }: RateDirection): string {
  return `${limitedBy.length ? 'at least ' : ''}${bitRate(bitsPerSecond)}`
}

/** What a machine did, and what is missing. */
export function rateEvidence(rate: RateResult | undefined): [string, string | undefined][] {
  if (!rate) return []
  const directions = [
    ['download', rate.down],
    ['upload', rate.up],
  ] as const
  const notes = directions.flatMap(([title, direction]): [string, string][] =>
    direction === undefined
      ? []
      : [
          ...direction.limitedBy.map(({ side, what, evidence }): [string, string] => [
            title,
            `limited by the ${what} of ${side === 'client' ? 'this machine' : 'the server'}: ${evidence}`,
          ]),
          ...(direction.steady ? [] : [[title, 'the rate was still changing'] as [string, string]]),
        ],
  )
  return [...notes, ['rate', rate.error?.message]]
}
