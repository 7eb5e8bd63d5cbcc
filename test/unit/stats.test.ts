import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RttCounter, reservoirSize } from '../../src/stats.js'

test('nothing known yet: no verdict, no times', () => {
  const counter = new RttCounter()
  counter.sent()
  expect(counter.snapshot()).toEqual({
    sent: 1,
    unsent: 0,
    received: 0,
    duplicates: 0,
    reordered: 0,
    lossRatio: undefined,
    minMs: undefined,
    avgMs: undefined,
    maxMs: undefined,
    stddevMs: undefined,
    jitterMs: undefined,
    p50Ms: undefined,
    p95Ms: undefined,
    p99Ms: undefined,
  })
})

test('times of a known series', () => {
  const counter = new RttCounter()
  for (const [sequence, rttMs] of [2, 4, 4, 4, 5, 5, 7, 9].entries()) counter.reply(rttMs, sequence)
  expect(counter.snapshot()).toMatchObject({ minMs: 2, avgMs: 5, maxMs: 9, stddevMs: 2, p50Ms: 4.5 })
  expect(counter.snapshot().jitterMs).toBeCloseTo((2 + 0 + 0 + 1 + 0 + 2 + 2) / 7)
  expect(counter.snapshot().p95Ms).toBeCloseTo(8.3)
})

test('probes in flight count in neither direction; a late reply takes back the loss; a refusal is no loss', () => {
  const counter = new RttCounter()
  for (let i = 0; i < 5; i++) counter.sent()
  counter.reply(1, 0)
  counter.lost()
  expect(counter.snapshot()).toMatchObject({ sent: 5, received: 1, lossRatio: 0.5 })
  counter.lateReply(100, 1)
  expect(counter.snapshot()).toMatchObject({ received: 2, lossRatio: 0, maxMs: 100 })
  counter.refused()
  counter.duplicate()
  expect(counter.snapshot()).toMatchObject({ sent: 4, duplicates: 1, lossRatio: 0 })
})

test('overtaken replies count as reordered', () => {
  const counter = new RttCounter()
  for (const sequence of [0, 2, 1, 3, 5, 4]) counter.reply(1, sequence)
  expect(counter.snapshot().reordered).toBe(2)
})

test('mean and deviation match their definitions for any times', () => {
  const times = fc.array(fc.double({ min: 0, max: 1e5, noNaN: true }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(times, rtts => {
      const counter = new RttCounter()
      for (const [sequence, rttMs] of rtts.entries()) counter.reply(rttMs, sequence)
      const mean = rtts.reduce((sum, rttMs) => sum + rttMs, 0) / rtts.length
      const variance = rtts.reduce((sum, rttMs) => sum + (rttMs - mean) ** 2, 0) / rtts.length
      const { avgMs, stddevMs, minMs, maxMs, p50Ms } = counter.snapshot()
      expect(avgMs).toBeCloseTo(mean, 4)
      expect(stddevMs).toBeCloseTo(Math.sqrt(variance), 4)
      expect([minMs, maxMs]).toEqual([Math.min(...rtts), Math.max(...rtts)])
      expect(p50Ms).toBeGreaterThanOrEqual(minMs!)
      expect(p50Ms).toBeLessThanOrEqual(maxMs!)
    }),
  )
})

test('percentiles of many more replies than are kept', () => {
  const counter = new RttCounter()
  const count = reservoirSize * 25
  for (let i = 0; i < count; i++) counter.reply((i * 7919) % 1000, i)
  const { p50Ms, p95Ms, p99Ms } = counter.snapshot()
  expect(Math.abs(p50Ms! - 500)).toBeLessThan(60)
  expect(Math.abs(p95Ms! - 950)).toBeLessThan(30)
  expect(Math.abs(p99Ms! - 990)).toBeLessThan(15)
})
