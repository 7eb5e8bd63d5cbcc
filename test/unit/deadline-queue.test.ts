import { expect, it } from 'vitest'
import { DeadlineQueue } from '../../src/protocols/icmp/probe/deadline-queue.js'

function queue() {
  const [next, previous, bucket] = Array.from({ length: 3 }, () => new Int32Array(0x10000))
  const starts = new Float64Array(0x10000)
  const deadlines = new DeadlineQueue({ sentMonotonic: starts, next: next!, previous: previous!, bucket: bucket! })
  return {
    deadlines,
    push(probe: number, start: number, wait: number) {
      starts[probe] = start
      deadlines.push(probe, wait)
    },
    expired(now: number) {
      const due: number[] = []
      deadlines.expire(now, probe => due.push(probe))
      return due
    },
  }
}

it('reports each probe once, at its own deadline, in the order of sending', () => {
  const { deadlines, push, expired } = queue()
  expect(deadlines.next()).toBe(Number.POSITIVE_INFINITY)
  push(65_535, 0, 1000)
  push(0, 1, 1000)
  push(7, 2, 50)
  expect(deadlines.next()).toBe(52)
  expect(expired(51.9)).toEqual([])
  expect(expired(52)).toEqual([7])
  expect(deadlines.next()).toBe(1000)
  expect(expired(5000)).toEqual([65_535, 0])
  expect(expired(5000)).toEqual([])
  expect(deadlines.next()).toBe(Number.POSITIVE_INFINITY)
})

it('removes answered probes: at the start, in the middle and at the end', () => {
  const { deadlines, push, expired } = queue()
  for (let probe = 0; probe < 6; probe++) push(probe, probe, 10)
  for (const probe of [3, 0, 5, 3]) deadlines.remove(probe)
  expect(deadlines.next()).toBe(11)
  push(3, 20, 10)
  expect(expired(29)).toEqual([1, 2, 4])
  expect(expired(30)).toEqual([3])
})

it('a probe whose deadline has passed may wait again, for longer', () => {
  const { deadlines, push } = queue()
  push(1, 0, 10)
  push(2, 0, 10)
  const due: number[] = []
  deadlines.expire(10, probe => {
    due.push(probe)
    deadlines.push(probe, 100)
  })
  expect(due).toEqual([1, 2])
  expect(deadlines.next()).toBe(100)
})

it('handles any number of different waits, concurrent and sequential', () => {
  const { deadlines, push, expired } = queue()
  for (let probe = 0; probe < 3000; probe++) push(probe, 0, probe + 0.5)
  expect(expired(1000)).toHaveLength(1000)
  for (let i = 0; i < 100_000; i++) {
    push(5000, i, i % 777)
    deadlines.remove(5000)
  }
  expect(deadlines.next()).toBe(1000.5)
  expect(expired(3000)).toHaveLength(2000)
})
