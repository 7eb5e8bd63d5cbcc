import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { EchoRequest } from '../../src/protocols/icmp/probe/echo-request.js'
import { ProbeTable, State, sequences } from '../../src/protocols/icmp/probe/probe-table.js'

const request = { template: { cookieMask: [0, 0] }, owner: {} } as unknown as EchoRequest
const target = new Uint8Array(16)

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Sends `count` probes, one every `interval` ms, each answered before the next. Returns the places that they used. */
function send(table: ProbeTable, count: number, interval: number): Set<number> {
  const places = new Set<number>()
  for (let i = 0; i < count; i++) {
    const place = table.insert(request, target, 0)
    places.add(place)
    const [seconds, nanoseconds] = process.hrtime()
    table.state[place] = State.sent
    table.sentMonotonic[place] = seconds * 1000 + nanoseconds / 1e6
    table.free(place, false)
    vi.advanceTimersByTime(interval)
  }
  return places
}

test('a socket that sends a few probes a second uses few places, and little memory', () => {
  expect(send(ProbeTable.take(4), 20_000, 333).size).toBeLessThanOrEqual(512)
})

test('no place is used again within a minute while there are fresh ones', () => {
  // 500 probes a second are 30,000 a minute.
  expect(send(ProbeTable.take(4), 60_000, 2).size).toBe(32_768)
})

test('all places are used when they are needed', () => {
  const table = ProbeTable.take(6)
  for (let i = 0; i < sequences; i++) expect(table.insert(request, target, 0)).toBe(i)
  expect(table.insert(request, target, 0)).toBe(-1)
})

test('its columns are replaced at most twice, because replaced ones stay in the heap for a while', () => {
  const table = ProbeTable.take(4)
  const columns = new Set<unknown>()
  for (let i = 0; i < sequences; i++) {
    table.insert(request, target, 0)
    columns.add(table.state)
  }
  expect(columns.size).toBeLessThanOrEqual(3)
})
