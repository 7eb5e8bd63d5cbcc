import { expect, test } from 'vitest'
import { elapsed, wallTime } from '../../src/monitor/record/clock-reading.js'

const hour = 3_600_000
const before = { wall: 1_000_000_000_000, monotonic: 5000, boot: 5000 }

test('time in which the machine was suspended counts, and shifts nothing', () => {
  const resumed = { wall: before.wall + hour + 60_000, monotonic: 65_000, boot: 65_000 + hour }
  expect(elapsed(before, resumed)).toBe(hour + 60_000)
  expect(wallTime(before, resumed)).toBe(before.wall)
})

test('setting the clock shifts earlier readings', () => {
  const set = { wall: before.wall + hour, monotonic: 65_000, boot: 65_000 }
  expect(elapsed(before, set)).toBe(60_000)
  expect(wallTime(before, set)).toBe(before.wall + hour - 60_000)
})

test('the time until a later reading is negative, including suspended time', () => {
  const until = { wall: before.wall + 2 * hour, monotonic: 5000 + 2 * hour, boot: 5000 + 2 * hour }
  expect(elapsed(until, before)).toBe(-2 * hour)
  const resumed = { wall: before.wall + hour, monotonic: 6000, boot: 5000 + hour }
  expect(elapsed(until, resumed)).toBe(-hour)
})

test('the boot clock has steps of 10 ms, so small differences are ignored, as are readings without it', () => {
  const later = { wall: before.wall + 60_000, monotonic: 65_000, boot: 65_010 }
  expect(elapsed(before, later)).toBe(60_000)
  expect(elapsed({ wall: before.wall, monotonic: 5000 }, { ...later, boot: hour })).toBe(60_000)
})
