import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { NetviaError } from '../../src/errors.js'
import { raceFailure } from '../../src/protocols/tcp/connect-errors.js'
import { Race } from '../../src/protocols/tcp/race.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

/** Starts a race whose attempts the test ends. */
function start(families: (4 | 6)[] = [6, 4]) {
  const begun: [time: number, address: string][] = []
  const attempts = new Map<string, { win(): void; fail(error?: unknown): void; signal: AbortSignal }>()
  const discarded: string[] = []
  const controller = new AbortController()
  const zero = Date.now()
  const attempt = (address: string, signal: AbortSignal) => {
    begun.push([Date.now() - zero, address])
    return new Promise<string>((resolve, reject) => {
      const fail = (error: unknown = new Error(address)) => reject(error)
      attempts.set(address, { win: () => resolve(address), fail, signal })
    })
  }
  const race = new Race(families, attempt, (late: string) => discarded.push(late), 250, controller.signal)
  const outcome: { won?: string; lost?: unknown } = {}
  race.result.then(
    won => (outcome.won = won),
    lost => (outcome.lost = lost),
  )
  return { race, begun, attempts, discarded, controller, outcome }
}

test('alternates families, IPv6 first, 250 ms apart', async () => {
  const { race, begun } = start()
  race.offer(6, ['6a', '6b', '6c'])
  race.offer(4, ['4a'])
  await pass(2000)
  expect(begun).toEqual([
    [0, '6a'],
    [250, '4a'],
    [500, '6b'],
    [750, '6c'],
  ])
})

test('the next attempt starts as soon as one fails', async () => {
  const { race, begun, attempts } = start()
  race.offer(6, ['6a', '6b'])
  race.offer(4, ['4a'])
  await pass(10)
  attempts.get('6a')!.fail()
  await pass(20)
  attempts.get('4a')!.fail()
  await pass(0)
  expect(begun).toEqual([
    [0, '6a'],
    [10, '4a'],
    [30, '6b'],
  ])
})

describe('an IPv4 answer', () => {
  test('waits 50 ms for the IPv6 one', async () => {
    const { race, begun } = start()
    race.offer(4, ['4a'])
    await pass(49)
    expect(begun).toEqual([])
    await pass(1)
    expect(begun).toEqual([[50, '4a']])
    race.offer(6, ['6a'])
    await pass(250)
    expect(begun.at(-1)).toEqual([300, '6a'])
  })
  test('follows IPv6 if that answers in time', async () => {
    const { race, begun } = start()
    race.offer(4, ['4a'])
    await pass(30)
    race.offer(6, ['6a'])
    await pass(250)
    expect(begun).toEqual([
      [30, '6a'],
      [280, '4a'],
    ])
  })
  test('does not wait if there is no IPv6 address, or IPv6 is not requested', async () => {
    const one = start()
    one.race.offer(6, [])
    one.race.offer(4, ['4a'])
    const other = start([4])
    other.race.offer(4, ['4b'])
    await pass(0)
    expect([one.begun, other.begun]).toEqual([[[0, '4a']], [[0, '4b']]])
  })
})

test('late addresses are tried immediately if no attempt is running', async () => {
  const { race, begun, attempts, outcome } = start()
  race.offer(6, ['6a'])
  await pass(0)
  attempts.get('6a')!.fail()
  await pass(1000)
  expect(outcome).toEqual({})
  race.offer(4, ['4a'])
  await pass(0)
  expect(begun.at(-1)).toEqual([1000, '4a'])
})

test('the first success wins, the others are ended, and one that still succeeds is discarded', async () => {
  const { race, attempts, discarded, outcome, begun } = start()
  race.offer(6, ['6a', '6b'])
  race.offer(4, ['4a'])
  await pass(250)
  attempts.get('4a')!.win()
  attempts.get('6a')!.win()
  await pass(1000)
  expect(outcome).toEqual({ won: '4a' })
  expect(attempts.get('6a')!.signal.aborted).toBe(true)
  expect(race.signal.aborted).toBe(true)
  expect(discarded).toEqual(['6a'])
  expect(begun).toHaveLength(2)
  expect(vi.getTimerCount()).toBe(0)
})

test('if all fail, it ends with all errors', async () => {
  const { race, attempts, outcome } = start()
  race.offer(6, ['6a'])
  race.offer(4, ['4a'])
  race.finish()
  await pass(0)
  attempts.get('6a')!.fail('no 6')
  await pass(0)
  expect(outcome).toEqual({})
  attempts.get('4a')!.fail('no 4')
  await pass(0)
  expect((outcome.lost as AggregateError).errors).toEqual(['no 6', 'no 4'])
  expect(vi.getTimerCount()).toBe(0)
})

test('without an address, it ends with the reason', async () => {
  const { race, outcome } = start()
  race.finish('not found')
  await pass(0)
  expect((outcome.lost as AggregateError).errors).toEqual(['not found'])
})

test('the signal ends it with its reason', async () => {
  const { race, attempts, outcome, controller } = start()
  race.offer(6, ['6a'])
  controller.abort('enough')
  await pass(0)
  expect(outcome).toEqual({ lost: 'enough' })
  expect(attempts.get('6a')!.signal.reason).toBe('enough')
  expect(vi.getTimerCount()).toBe(0)
})

test('ending it while it waits for IPv6 leaves no timer', async () => {
  const { race, controller, begun } = start()
  race.offer(4, ['4a'])
  await pass(20)
  controller.abort()
  await pass(0)
  expect(vi.getTimerCount()).toBe(0)
  expect(begun).toEqual([])
})

test('of several errors it returns the most informative one, with the others as its cause', () => {
  const error = (code: string) => new NetviaError(code, { code, address: code })
  const all = ['ENETUNREACH', 'ETIMEDOUT', 'ECONNREFUSED'].map(error)
  expect(raceFailure(all)).toMatchObject({ code: 'ECONNREFUSED', address: 'ECONNREFUSED', cause: { errors: all } })
  expect(raceFailure([...all, error('ENODEV')])).toMatchObject({ code: 'ENODEV' })
  expect(raceFailure([all[0]])).toBe(all[0])
})
