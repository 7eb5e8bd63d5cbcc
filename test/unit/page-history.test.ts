import { describe, expect, test } from 'vitest'
import { recentRanges } from '../../src/cli/monitor/web/ranges.js'
import { CheckSeries, StateSeries } from '../../src/cli/monitor/web/series.js'
import { UplinkRecord } from '../../src/cli/monitor/web/uplink-record.js'

describe('the series of a check', () => {
  test('has minimum, median, 95th percentile, jitter and loss of each step', () => {
    const series = new CheckSeries(10)
    for (const latency of [10, 30, 20, 40]) series.answered(100, latency)
    series.lost(100)
    series.answered(102, 50)
    series.lost(103)
    expect(series.columns(99, 5)).toEqual({
      minMs: [null, 10, null, 50, null],
      medianMs: [null, 25, null, 50, null],
      p95Ms: [null, 38.5, null, 50, null],
      // The differences between successive answers are 20, 10 and 20, then 10 from 40 to 50.
      jitterMs: [null, 16.667, null, 10, null],
      lossRatio: [null, 0.2, null, 0, 1],
    })
  })

  test('shows the current step as it grows', () => {
    const series = new CheckSeries(10)
    series.answered(7, 10)
    expect(series.columns(7, 1)).toMatchObject({ medianMs: [10], jitterMs: [null] })
    series.answered(7, 20)
    expect(series.columns(7, 1)).toMatchObject({ medianMs: [15], jitterMs: [10] })
  })

  test('drops data beyond its length', () => {
    const series = new CheckSeries(3)
    for (const step of [1, 2, 3, 4]) series.answered(step, step)
    expect(series.columns(1, 4).medianMs).toEqual([null, 2, 3, 4])
  })
})

test('the series of states has the worst of each step', () => {
  const series = new StateSeries(5)
  for (const state of ['up', 'down', 'up'] as const) series.add(8, state)
  series.add(9, 'up')
  expect(series.column(7, 3)).toEqual([null, 'down', 'up'])
})

test('a state lasts through steps without updates, as far back as the series goes', () => {
  const series = new StateSeries(5)
  series.add(8, 'up')
  series.add(8, 'degraded')
  series.add(11, 'down')
  expect(series.column(7, 5)).toEqual([null, 'degraded', 'degraded', 'degraded', 'down'])
  series.add(1000, 'up')
  expect(series.column(995, 6)).toEqual([null, 'down', 'down', 'down', 'down', 'up'])
})

describe('the record of an uplink', () => {
  const [minutes] = recentRanges
  const begin = 1_800_000_000_000
  const at = (seconds: number) => begin + seconds * 1000
  const report = (record: UplinkRecord, now: number, shift = 0) => {
    return record.report(minutes!, Math.floor(now / 1000) - 300, 300, now, shift)
  }

  test('has outages with cause and duration, and the share of time up', () => {
    const record = new UplinkRecord()
    for (let second = 0; second <= 200; second++) {
      const isDown = second >= 60 && second < 80
      record.state(isDown ? 'down' : 'up', false, () => (isDown ? 'no carrier' : 'fine'), at(second))
    }
    expect(report(record, at(200))).toMatchObject({
      availability: 0.9,
      outages: [{ from: at(60), to: at(80), ms: 20_000, reason: 'no carrier' }],
    })
    // Setting the clock shifts the reported times.
    expect(report(record, at(200), 3_600_000).outages).toMatchObject([{ from: at(3660), to: at(3680), ms: 20_000 }])
  })

  test('gives a current outage no end, and excludes forced ones', () => {
    const record = new UplinkRecord()
    record.state('down', true, () => 'forced down', at(0))
    record.state('up', false, () => 'fine', at(10))
    record.state('down', false, () => 'no answer', at(20))
    expect(report(record, at(30))).toMatchObject({
      availability: 0.5,
      outages: [{ from: at(20), to: null, ms: 10_000, reason: 'no answer' }],
    })
  })

  test('keeps a bounded number of changes', () => {
    const record = new UplinkRecord()
    for (let second = 0; second < 5000; second++) record.state(second % 2 ? 'up' : 'down', false, () => 'x', at(second))
    const day = recentRanges[2]!
    expect(record.report(day, 0, 0, at(5000), 0).outages).toHaveLength(150)
  })

  test('shows each check separately, and starts again if another one replaces it', () => {
    const record = new UplinkRecord()
    const answer = (check: number, target: string, latencyMs: number) =>
      record.check(
        { uplink: 'a', check, type: 'ping', target, ok: true, local: false, latencyMs, error: null, at: 0 },
        at(5),
      )
    answer(0, '192.0.2.1', 10)
    answer(1, '192.0.2.2', 90)
    const medians = () => report(record, at(6)).checks.map(({ target, medianMs }) => [target, medianMs.at(-1)])
    expect(medians()).toEqual([
      ['192.0.2.1', 10],
      ['192.0.2.2', 90],
    ])
    answer(0, '192.0.2.3', 30)
    record.keepChecks(1)
    expect(medians()).toEqual([['192.0.2.3', 30]])
  })
})
