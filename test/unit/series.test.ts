import { expect, it } from 'vitest'
import { gridOf } from '../../src/runtime/ticker.js'

it('a few series keep their cadence to the millisecond, many share ticks of a 25th of the interval, at most 40 ms', () => {
  expect([1000, 100, 0.1].map(interval => gridOf(interval, 1))).toEqual([1, 1, 1])
  expect([60_000, 1000, 500, 100, 10, 0.1].map(interval => gridOf(interval, 17))).toEqual([40, 40, 20, 4, 1, 1])
})
