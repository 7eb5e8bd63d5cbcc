import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { describe, expect, onTestFinished, test } from 'vitest'
import { measure, systemClock } from '../../src/protocols/icmp/probe/clock.js'

const hour = 3_600_000
const wall = 1_700_000_000_000
const trip = {
  sent: { wall, monotonic: 1000 },
  read: { wall: wall + 500, monotonic: 1500 },
  sentStamp: wall + 0.05,
  receivedStamp: wall + 10.05,
}

test('with both kernel timestamps, the round trip is theirs, however late it is read', () => {
  expect(measure(trip)).toEqual({ rttMs: 10, kernel: true })
})

test.each([
  ['received', { receivedStamp: Number.NaN }, 500 - 0.05],
  ['sent', { sentStamp: Number.NaN }, 10.05],
  ['either', { sentStamp: Number.NaN, receivedStamp: Number.NaN }, 500],
])('without the timestamp of %s, user time replaces it and is reported as such', (_which, missing, rttMs) => {
  const result = measure({ ...trip, ...missing })
  expect(result.rttMs).toBeCloseTo(rttMs, 3)
  expect(result.kernel).toBe(false)
})

describe.each([hour, -hour, 5000, -5000])('the wall clock stepped by %d ms', step => {
  const read = { wall: trip.read.wall + step, monotonic: trip.read.monotonic }

  test.each([
    ['after the reply came', trip.sentStamp, trip.receivedStamp],
    ['on the path', trip.sentStamp, trip.receivedStamp + step],
    ['before it was stamped as sent', trip.sentStamp + step, trip.receivedStamp + step],
  ])('%s', (_when, sentStamp, receivedStamp) => {
    const result = measure({ sent: trip.sent, read, sentStamp, receivedStamp })
    expect(result.rttMs).toBeCloseTo(10, 3)
    expect(result.kernel).toBe(true)
  })
})

test('a step too small to locate: user time, never a wrong kernel time', () => {
  const result = measure({ ...trip, receivedStamp: wall + 300, read: { wall: wall + 600, monotonic: 1500 } })
  expect(result.kernel).toBe(false)
  expect(result.rttMs).toBeCloseTo(500, 0)
})

test('slewing does not change the round trip', () => {
  const result = measure({ ...trip, read: { wall: wall + 500.2, monotonic: 1500 } })
  expect(result).toEqual({ rttMs: 10, kernel: true })
})

test('a thread that often loses its processor still reads both clocks at one moment', async () => {
  const busy = Array.from({ length: 2 * availableParallelism() }, () => new Worker('for (;;);', { eval: true }))
  onTestFinished(async () => {
    await Promise.all(busy.map(worker => worker.terminate()))
  })
  await Promise.all(busy.map(worker => once(worker, 'online')))
  const sample = { wall: 0, monotonic: 0 }
  systemClock.read(sample)
  let distance = sample.wall - sample.monotonic
  const jumps: number[] = []
  for (let i = 0; i < 1_500_000; i++) {
    systemClock.read(sample)
    const now = sample.wall - sample.monotonic
    if (Math.abs(now - distance) > 0.1) jumps.push(now - distance)
    distance = now
  }
  expect(jumps).toEqual([])
})
