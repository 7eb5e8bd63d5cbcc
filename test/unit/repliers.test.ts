import { expect, test, vi } from 'vitest'
import { emptyVerdict } from '../../src/protocols/icmp/probe/echo-request.js'
import { Repliers } from '../../src/protocols/icmp/repliers.js'
import { encodeAddress } from '../../src/sockets/address.js'
import { RttCounter } from '../../src/stats.js'

const group = encodeAddress('224.0.0.1')
const reply = (tag: number, from: string, rttMs = 1) => ({
  ...emptyVerdict(group),
  outcome: 'reply' as const,
  ...{ tag, rttMs, from: encodeAddress(from) },
})

test('a host of a group counts once per probe, and as a duplicate after that', () => {
  vi.useFakeTimers()
  let over = 0
  const repliers = new Repliers(100, () => over++)
  repliers.first(reply(0, '192.0.2.1'))
  repliers.first(reply(1, '192.0.2.1'))
  expect(repliers.classify(reply(0, '192.0.2.1'))).toBe('duplicate')
  expect(repliers.classify(reply(0, '192.0.2.2'))).toBe('further')
  expect(repliers.classify(reply(0, '192.0.2.2'))).toBe('duplicate')
  expect(repliers.classify(reply(1, '192.0.2.2'))).toBe('further')
  expect(repliers.classify(reply(1, '192.0.2.3', 101))).toBe('late')
  vi.advanceTimersByTime(100)
  expect([repliers.areAwaited, over]).toEqual([false, 1])
  expect(repliers.classify(reply(0, '192.0.2.4', 99))).toBe('late')
  vi.useRealTimers()
})

test('a single host is not a group: the probe ends with its reply, and a second reply is a duplicate', () => {
  const repliers = new Repliers(100, () => {})
  const single = { ...emptyVerdict(group), outcome: 'reply' as const, from: group }
  repliers.first(single)
  expect(repliers.areAwaited).toBe(false)
  expect(repliers.classify(single)).toBe('duplicate')
})

test('statistics: a probe counts as answered once, and the times of all hosts count', () => {
  const counter = new RttCounter()
  for (let sequence = 0; sequence < 2; sequence++) {
    counter.sent()
    counter.reply(1, sequence)
    counter.further(3)
    counter.further(8)
  }
  expect(counter.snapshot()).toMatchObject({
    ...{ sent: 2, received: 2, lossRatio: 0, duplicates: 0 },
    ...{ minMs: 1, avgMs: 4, maxMs: 8, p50Ms: 3, jitterMs: 0 },
  })
})
