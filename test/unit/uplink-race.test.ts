import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { NetviaError } from '../../src/errors.js'
import type { GroupAttempts } from '../../src/group/attempts.js'
import { isFinal, openOver, raceDelay } from '../../src/group/race.js'
import { RoundLoop } from '../../src/monitor/round-loop.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const names = ['one', 'two', 'three']

/** A race of three uplinks. The test decides when each connects, fails or stays silent. */
function start(delay = 250) {
  const suspects: string[] = []
  const cuts = new Map<string, (error: NetviaError) => void>()
  const attempts: GroupAttempts = {
    first: () => ({ name: 'one' }),
    next(tried) {
      const name = names.find(name => !tried.has(name))
      return name === undefined ? undefined : { name }
    },
    goesOn: error => !isFinal(error),
    delay: () => delay,
    learned: (name, worked) => void (worked || suspects.push(name)),
    onCut(name, cut) {
      cuts.set(name, cut)
      return () => void cuts.delete(name)
    },
  }
  const running = new Map<string, { open(): void; fail(code: string): void }>()
  const begun: string[] = []
  const discarded: string[] = []
  const controller = new AbortController()
  const opened = openOver(attempts, { name: 'one' }, controller.signal, {
    open({ name }, signal) {
      begun.push(name)
      return new Promise<string>((resolve, reject) => {
        running.set(name, {
          open: () => resolve(`socket of ${name}`),
          fail: code => reject(new NetviaError(code, { code })),
        })
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    },
    discard: late => void discarded.push(late),
  })
  opened.catch(() => {})
  return { opened, begun, discarded, suspects, running, cuts, controller }
}

test('the next uplink starts after the delay, and if it wins, the silent one is suspect', async () => {
  const { opened, begun, running, suspects } = start()
  await vi.advanceTimersByTimeAsync(249)
  expect(begun).toEqual(['one'])
  await vi.advanceTimersByTimeAsync(1)
  expect(begun).toEqual(['one', 'two'])
  running.get('two')!.open()
  expect(await opened).toEqual({ uplink: { name: 'two' }, value: 'socket of two' })
  expect(suspects).toEqual(['one'])
  await vi.advanceTimersByTimeAsync(1000)
  expect(begun).toEqual(['one', 'two'])
})

test('the picked uplink may still win, and none is suspect', async () => {
  const { opened, running, suspects } = start()
  await vi.advanceTimersByTimeAsync(300)
  running.get('one')!.open()
  expect((await opened).uplink.name).toBe('one')
  expect(suspects).toEqual([])
})

test('the next one follows immediately if one fails or is cut, and without a delay only then', async () => {
  const { opened, begun, running, cuts } = start(Number.POSITIVE_INFINITY)
  await vi.advanceTimersByTimeAsync(100_000)
  expect(begun).toEqual(['one'])
  running.get('one')!.fail('ENETUNREACH')
  await vi.advanceTimersByTimeAsync(0)
  expect(begun).toEqual(['one', 'two'])
  cuts.get('two')!(new NetviaError('cut', { code: 'ERR_UPLINK_DOWN' }))
  await vi.advanceTimersByTimeAsync(0)
  expect(begun).toEqual(names)
  running.get('three')!.fail('ETIMEDOUT')
  await expect(opened).rejects.toMatchObject({ code: 'ERR_UPLINK_DOWN', cause: { errors: { length: 3 } } })
})

test("the target's own answer ends it, and so does the caller", async () => {
  const refused = start()
  refused.running.get('one')!.fail('ECONNREFUSED')
  await expect(refused.opened).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  expect(refused.begun).toEqual(['one'])
  const aborted = start()
  aborted.controller.abort('enough')
  await expect(aborted.opened).rejects.toBe('enough')
  expect(aborted.cuts.size).toBe(0)
})

test("'auto' follows the measured latency within limits", () => {
  expect([null, 10, 100, 600, 5000].map(latency => raceDelay('auto', latency))).toEqual([250, 250, 300, 1800, 3000])
  expect([raceDelay(50, 600), raceDelay(undefined, 10)]).toEqual([50, Number.POSITIVE_INFINITY])
})

test('a requested round starts immediately, or after the current one, and the cadence continues', async () => {
  const begun: number[] = []
  const loop: RoundLoop<void> = new RoundLoop<void>({
    ...{ checks: 1, spread: 0, cancel: () => {}, done: () => 1000 },
    run(index) {
      begun.push(Math.round(performance.now() - origin))
      setTimeout(() => loop.record(index, undefined), 100)
    },
  })
  const origin = Math.ceil(performance.now() / 10) * 10
  loop.start(0)
  await vi.advanceTimersByTimeAsync(400)
  expect(loop.runNow()).toBe(1)
  await vi.advanceTimersByTimeAsync(50)
  expect(loop.runNow()).toBe(2)
  await vi.advanceTimersByTimeAsync(1200)
  loop.stop()
  expect(begun).toHaveLength(4)
  const [, early, next, last] = begun
  expect(early).toBeGreaterThanOrEqual(390)
  expect(next! - early!).toBeLessThan(120)
  expect(last! - next!).toBeGreaterThanOrEqual(990)
})

test.each([
  ['EMFILE', []],
  ['EADDRINUSE', []],
  ['ENODEV', ['one']],
])('after %s, these are suspect: %s', async (code, suspected) => {
  const { opened, running, suspects } = start()
  await vi.advanceTimersByTimeAsync(0)
  running.get('one')!.fail(code)
  await vi.advanceTimersByTimeAsync(0)
  running.get('two')!.open()
  expect((await opened).uplink.name).toBe('two')
  expect(suspects).toEqual(suspected)
})

test('a refusal is final if it is the target that refuses, and not the name server of one uplink', () => {
  const refusal = (syscall: string) => new NetviaError('refused', { code: 'ECONNREFUSED', syscall })
  expect([isFinal(refusal('connect')), isFinal(refusal('resolve'))]).toEqual([true, false])
})
