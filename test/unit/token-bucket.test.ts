import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TokenBucket } from '../../src/runtime/token-bucket.js'

describe('a token bucket', () => {
  it('never grants more than rate and burst allow, and loses no time between calls', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20_000 }),
        fc.array(fc.nat(50), { minLength: 5, maxLength: 200 }),
        (rate, steps) => {
          const bucket = new TokenBucket(rate, 20, 0)
          let now = 0
          let taken = 0
          for (const step of steps) {
            now += step
            while (bucket.take(now) === 0) taken++
            expect(taken).toBeLessThanOrEqual(1 + (now * rate) / 1000 + 1e-6)
          }
          const wait = bucket.take(now)
          expect(wait).toBeGreaterThan(0)
          expect(bucket.take(now + wait + 1e-6)).toBe(0)
        },
      ),
    )
  })

  it('grants a late caller at most the burst', () => {
    const bucket = new TokenBucket(1000, 60, 0)
    let taken = 0
    for (let now = 0; now < 1000; now += 0.25) while (bucket.take(now) === 0) taken++
    expect(taken).toBeGreaterThan(995)
    expect(taken).toBeLessThanOrEqual(1001)
    let burst = 0
    while (bucket.take(5000) === 0) burst++
    expect(burst).toBe(60)
    const slow = new TokenBucket(10, 60, 0)
    expect([slow.take(0), slow.take(0)]).toEqual([0, 100])
  })
})
