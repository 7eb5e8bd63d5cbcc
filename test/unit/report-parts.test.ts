import { describe, expect, test } from 'vitest'
import { since } from '../../src/cli/report/since.js'
import { csvLine } from '../../src/cli/shared/output/csv.js'
import { LatencyCounts } from '../../src/monitor/history/latency-counts.js'
import { outagesOf, type Stretch, sharesOf } from '../../src/monitor/history/stretches.js'

const stretch = (from: number, to: number, state: Stretch['state'], more: Partial<Stretch> = {}): Stretch => ({
  ...{ from, to, state, forced: false, reason: `${state} at ${from}`, isLast: false },
  ...more,
})

describe('the shares of a period', () => {
  const stretches = [
    stretch(0, 100, 'up'),
    stretch(100, 150, 'down'),
    stretch(150, 200, 'degraded'),
    stretch(200, 300, 'down', { forced: true }),
    stretch(400, 450, 'unknown'),
    stretch(450, 500, 'down', { isLast: true }),
  ]

  test('add up to its length, cut at both ends', () => {
    expect(sharesOf(stretches, { from: 120, to: 600 })).toEqual({
      ...{ upMs: 0, degradedMs: 50, downMs: 80, forcedMs: 100, unknownMs: 250, availability: 50 / 130 },
    })
  })

  test('have no availability without a verdict', () => {
    expect(sharesOf(stretches, { from: 300, to: 450 })).toMatchObject({ availability: null, unknownMs: 150 })
  })

  test('come with the overlapping outages in their full length', () => {
    expect(outagesOf(stretches, { from: 120, to: 600 })).toEqual([
      { from: 100, to: 150, ms: 50, reason: 'down at 100' },
      { from: 450, to: null, ms: 50, reason: 'down at 450' },
    ])
    expect(outagesOf(stretches, { from: 150, to: 450 })).toEqual([])
  })
})

describe('an outage during which the monitor was restarted', () => {
  const minute = 60_000
  const all = { from: 0, to: 60 * minute }
  const ended = stretch(0, 3 * minute, 'down', { isLast: true })

  test.each<[string, Stretch[]]>([
    ['is one', [ended, stretch(4 * minute, 6 * minute, 'down')]],
    [
      'is one, however the monitor begins',
      [ended, stretch(3.5 * minute, 4 * minute, 'unknown'), stretch(4 * minute, 6 * minute, 'down')],
    ],
  ])('%s', (_what, stretches) => {
    const one = { from: 0, to: 6 * minute, ms: 5 * minute, reason: 'down at 0' }
    expect(outagesOf(stretches, all)).toEqual([one])
    expect(outagesOf(stretches, { from: 5 * minute, to: 6 * minute })).toEqual([one])
  })

  test.each<[string, Stretch[]]>([
    ['the monitor was away for long', [ended, stretch(9 * minute, 10 * minute, 'down')]],
    ['it worked in between', [ended, stretch(3 * minute, 4 * minute, 'up'), stretch(4 * minute, 6 * minute, 'down')]],
    [
      'it was forced in between',
      [ended, stretch(3 * minute, 4 * minute, 'down', { forced: true }), stretch(4 * minute, 6 * minute, 'down')],
    ],
    ['it is that of another device', [ended, stretch(4 * minute, 6 * minute, 'down', { device: 'wan2' })]],
  ])('is two if %s', (_what, stretches) => {
    expect(outagesOf(stretches, all)).toHaveLength(2)
  })
})

describe('counted latencies', () => {
  test.each([0.0004, 0.02, 1, 9.7, 250, 60_000])('return %f ms within 1 % (and nothing below a microsecond)', ms => {
    const counts = new LatencyCounts()
    counts.add(ms)
    const expected = Math.max(ms, 0.001)
    expect(Math.abs(counts.percentile(0.5)! / expected - 1)).toBeLessThan(0.0101)
  })

  test('have the same percentiles after they were merged from bytes', () => {
    const [one, two, all] = [new LatencyCounts(), new LatencyCounts(), new LatencyCounts()]
    for (let ms = 1; ms <= 1000; ms++) (ms % 3 ? one : two).add(ms)
    for (const part of [one, two]) all.addBytes(part.toBytes())
    for (const share of [0.01, 0.5, 0.95, 0.99, 1])
      expect(Math.abs(all.percentile(share)! / (1000 * share) - 1)).toBeLessThan(0.0101)
    expect(new LatencyCounts().percentile(0.5)).toBeUndefined()
  })

  test('may have larger counts in total than fit into one minute', () => {
    const [all, most, few] = [new LatencyCounts(), new LatencyCounts(), new LatencyCounts()]
    for (let i = 0; i < 300_000; i++) most.add(10)
    for (let i = 0; i < 100_000; i++) few.add(500)
    all.addAll(most)
    all.addAll(few)
    expect(Math.abs(all.percentile(0.7)! / 10 - 1)).toBeLessThan(0.0101)
    expect(Math.abs(all.percentile(0.8)! / 500 - 1)).toBeLessThan(0.0101)
  })
})

describe('--since', () => {
  test.each([
    ['90m', 5_400_000],
    ['12h', 43_200_000],
    ['1.5d', 129_600_000],
    ['4w', 2_419_200_000],
  ])('%s is relative to now', (text, ms) => {
    expect(Math.abs(Date.now() - ms - since(text))).toBeLessThan(5000)
  })

  test('accepts a date in this time zone, and a time', () => {
    expect(since('2026-01-31')).toBe(new Date(2026, 0, 31).getTime())
    expect(since('2026-01-31T08:00Z')).toBe(Date.UTC(2026, 0, 31, 8))
    expect(since('2024-02-29')).toBe(new Date(2024, 1, 29).getTime())
  })

  test.each(['', '30', '5y', 'yesterday', '2026-13-01', '2026-02-31', '2026-02-30T08:00', '2999-01-01', '-1d'])(
    'refuses %j',
    text => {
      expect(() => since(text)).toThrow(/it must/)
    },
  )
})

test('a CSV field is quoted if necessary', () => {
  expect(csvLine(['a,"b"', null, 0, 'two\nlines', undefined, true])).toBe('"a,""b""",,0,"two\nlines",,true')
})
