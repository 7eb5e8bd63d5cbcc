import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Candidate, createPolicy, leastBad, usable } from '../../src/group/policies.js'
import type { Facts, UplinkState } from '../../src/monitor/state/state-machine.js'

interface Given extends Partial<Facts> {
  name: string
  state?: UplinkState
  priority?: number
  weight?: number
}

function candidate({ name, state = 'up', priority = 1, weight = 1, ...facts }: Given): Candidate {
  return {
    uplink: { name, priority, weight, checks: [], quorum: {} },
    state,
    facts: () => ({ state, latencyMs: null, lossRatio: null, linkFault: null, ...facts }) as Facts,
  }
}

const names = (candidates: readonly Candidate[]) => candidates.map(({ uplink }) => uplink.name)

describe('usable uplinks', () => {
  const all = (...states: UplinkState[]) => names(usable(states.map(state => candidate({ name: state, state }))))

  test("are 'up' before 'degraded' before 'unknown', and never 'down'", () => {
    expect(all('down', 'unknown', 'degraded', 'up')).toEqual(['up'])
    expect(all('down', 'unknown', 'degraded')).toEqual(['degraded'])
    expect(all('down', 'unknown')).toEqual(['unknown'])
    expect(all('down')).toEqual([])
  })

  test('include the least bad of those that are down', () => {
    const least = (...given: Given[]) => leastBad(given.map(candidate)).uplink.name
    expect(least({ name: 'a', linkFault: 'no carrier', lossRatio: null }, { name: 'b', lossRatio: 1 })).toBe('b')
    expect(least({ name: 'a', lossRatio: 0.9 }, { name: 'b', lossRatio: 0.6 })).toBe('b')
    expect(least({ name: 'a', priority: 2 }, { name: 'b', priority: 1 })).toBe('b')
  })
})

test('failover picks the lowest priority, and the first of equal ones', () => {
  const policy = createPolicy('failover')
  const pick = (...given: Given[]) => policy(given.map(candidate), '').uplink.name
  expect(pick({ name: 'a', priority: 2 }, { name: 'b', priority: 1 }, { name: 'c', priority: 1 })).toBe('b')
})

describe('weighted', () => {
  test('is smooth and exact', () => {
    const policy = createPolicy('weighted')
    const candidates = [candidate({ name: 'a', weight: 5 }), candidate({ name: 'b' }), candidate({ name: 'c' })]
    const picks = Array.from({ length: 14 }, () => policy(candidates, '').uplink.name).join('')
    expect(picks).toBe('aabacaaaabacaa')
  })

  test('in any complete turn, every uplink gets its share', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(weights, weights => {
        const policy = createPolicy('weighted')
        const candidates = weights.map((weight, index) => candidate({ name: String(index), weight }))
        const turn = weights.reduce((sum, weight) => sum + weight, 0)
        for (let round = 0; round < 3; round++) {
          const counts = weights.map(() => 0)
          for (let i = 0; i < turn; i++) counts[Number(policy(candidates, '').uplink.name)]!++
          expect(counts).toEqual(weights)
        }
      }),
    )
  })

  test('one that was away returns without debt or credit', () => {
    const policy = createPolicy('weighted')
    const [a, b] = [candidate({ name: 'a' }), candidate({ name: 'b' })]
    for (let i = 0; i < 101; i++) policy([a], '')
    const picks = Array.from({ length: 10 }, () => policy([a, b], '').uplink.name)
    expect(picks.filter(name => name === 'a')).toHaveLength(5)
  })
})

describe('lowest-latency', () => {
  test('keeps the current one until another is a fifth faster', () => {
    const policy = createPolicy('lowest-latency')
    const pick = (a: number | null, b: number | null) =>
      policy([candidate({ name: 'a', latencyMs: a }), candidate({ name: 'b', latencyMs: b })], '').uplink.name
    expect(pick(20, 10)).toBe('b')
    expect(pick(9, 10)).toBe('b')
    expect(pick(8.1, 10)).toBe('b')
    expect(pick(7.9, 10)).toBe('a')
    expect(pick(7.9, 7)).toBe('a')
    // An uplink without an answer counts as slow.
    expect(pick(null, 500)).toBe('b')
  })

  test('drops one that was removed', () => {
    const policy = createPolicy('lowest-latency')
    policy([candidate({ name: 'a', latencyMs: 1 })], '')
    expect(policy([candidate({ name: 'b', latencyMs: 900 })], '').uplink.name).toBe('b')
  })
})

describe('sticky', () => {
  const policy = createPolicy('sticky')
  const four = ['a', 'b', 'c', 'd'].map(name => candidate({ name }))

  test('only the keys of a removed uplink move, and they move to all others', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(...four), (key, gone) => {
        const before = policy(four, key)
        const after = policy(
          four.filter(candidate => candidate !== gone),
          key,
        )
        if (before !== gone) expect(after).toBe(before)
        expect(after).not.toBe(gone)
      }),
    )
    const moved = new Set<string>()
    for (let i = 0; i < 100; i++)
      if (policy(four, `${i}`) === four[0]) moved.add(policy(four.slice(1), `${i}`).uplink.name)
    expect([...moved].sort()).toEqual(['b', 'c', 'd'])
  })

  test('keys are distributed by weight', () => {
    const uneven = [candidate({ name: 'a', weight: 3 }), candidate({ name: 'b', weight: 1 })]
    let a = 0
    for (let i = 0; i < 4000; i++) if (policy(uneven, `key ${i}`) === uneven[0]) a++
    expect(a / 4000).toBeGreaterThan(0.72)
    expect(a / 4000).toBeLessThan(0.78)
  })
})

describe('failback', () => {
  const both = (fibre: UplinkState, since = 0) => [
    candidate({ name: 'fibre', state: fibre, since }),
    candidate({ name: 'lte', priority: 2, since: 0 }),
  ]
  const picks = (policy: ReturnType<typeof createPolicy>, all: Candidate[]) => policy(usable(all), '', all).uplink.name

  test('now: the better one is used as soon as it works', () => {
    const policy = createPolicy('failover', 'now')
    expect([both('up'), both('down'), both('up')].map(all => picks(policy, all))).toEqual(['fibre', 'lte', 'fibre'])
  })

  test('never: the current one is kept while it works', () => {
    const policy = createPolicy('failover', 'never')
    expect([both('up'), both('down'), both('up')].map(all => picks(policy, all))).toEqual(['fibre', 'lte', 'lte'])
    expect(picks(policy, both('up').slice(0, 1))).toBe('fibre')
  })

  test('after a time in its state', () => {
    let now = 100_000
    const policy = createPolicy('failover', 30_000, () => now)
    picks(policy, both('down'))
    expect(picks(policy, both('up', 90_000))).toBe('lte')
    now = 119_999
    expect(picks(policy, both('up', 90_000))).toBe('lte')
    now = 120_000
    expect(picks(policy, both('up', 90_000))).toBe('fibre')
  })

  test('an uplink that only had the first verdict is not kept', () => {
    const policy = createPolicy('failover', 'never')
    expect(picks(policy, both('unknown'))).toBe('lte')
    expect(picks(policy, both('up'))).toBe('fibre')
  })
})
