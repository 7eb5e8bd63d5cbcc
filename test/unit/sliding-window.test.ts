import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SlidingWindow } from '../../src/monitor/state/sliding-window.js'

const bucketMs = 10
const totals = fc.record({ answered: fc.nat(5), lost: fc.nat(5), latencySum: fc.nat(1000) })

test('the totals cover the last 30 time slots, regardless of queries and clearing in between', () => {
  const step = fc.record({ pause: fc.nat(400), add: fc.option(totals), clear: fc.integer({ max: 9, min: 0 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: -500, max: 500 }), (steps, start) => {
      const window = new SlidingWindow(30 * bucketMs)
      let added: { epoch: number; answered: number; lost: number; latencySum: number }[] = []
      let at = start
      for (const { pause, add, clear } of steps) {
        at += pause
        const epoch = Math.floor(at / bucketMs)
        if (clear === 0) {
          window.clear()
          added = []
        }
        if (add) {
          window.add(add, at)
          added.push({ epoch, ...add })
        }
        const expected = { answered: 0, lost: 0, latencySum: 0 }
        for (const one of added.filter(one => one.epoch > epoch - 30)) {
          expected.answered += one.answered
          expected.lost += one.lost
          expected.latencySum += one.latencySum
        }
        expect(window.totals(at)).toEqual(expected)
      }
    }),
  )
})
