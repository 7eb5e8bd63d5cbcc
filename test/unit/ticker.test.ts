import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished, vi } from 'vitest'
import { monotonicNow } from '../../src/monotonic.js'
import { atTick } from '../../src/runtime/ticker.js'

it('callbacks of the same tick run together, not too early', async () => {
  const start = monotonicNow()
  const calls: { at: number; now: number; turn: number }[] = []
  let turn = 0
  const count = setInterval(() => turn++, 0)
  const asked = Array.from({ length: 20 }, (_, index) => Math.ceil(start / 50) * 50 + 50 + index)
  for (const at of asked) atTick(at, now => calls.push({ at, now, turn }), 50)
  while (calls.length < 20) await sleep(5)
  clearInterval(count)
  expect(new Set(calls.map(call => call.turn)).size).toBeLessThanOrEqual(2)
  for (const { at, now } of calls) expect(now).toBeGreaterThanOrEqual(at)
})

it('one can be cancelled without affecting the others', async () => {
  const at = monotonicNow() + 20
  const calls: string[] = []
  const first = () => calls.push('first')
  const third = () => calls.push('third')
  const tick = atTick(at, first, 10)
  atTick(at, () => calls.push('second'), 10)
  atTick(at + 10, third, 10).cancel(third)
  tick.cancel(first)
  tick.cancel(first)
  const end = monotonicNow() + 5000
  while (calls.length === 0 && monotonicNow() < end) await sleep(5)
  await sleep(30)
  expect(calls).toEqual(['second'])
})

it('a past time fires immediately, without the negative timeout that newer Nodes warn about', async () => {
  const timers = vi.spyOn(globalThis, 'setTimeout')
  onTestFinished(() => timers.mockRestore())
  const at = monotonicNow() - 20
  const now = await new Promise<number>(resolve => atTick(at, resolve, 1))
  expect(now).toBeGreaterThan(at)
  expect(timers.mock.calls.map(([, delay]) => delay).filter(delay => !(delay! >= 0))).toEqual([])
})
