import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Attempt, Outbox, type OutboxReport } from '../../src/cli/monitor/otlp/outbox.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** An outbox whose items are numbers, equal to their size. `answer` sets the result of the next attempt. */
function outboxOf(limit: number) {
  const delivered: number[] = []
  const reports: OutboxReport[] = []
  const world = {
    answer: 'delivered' as Attempt['result'],
    /** If `hangs` is true, an attempt waits until `end` is called. */
    hangs: false,
    end: () => {},
    attempts: 0,
  }
  const send = async (item: number): Promise<Attempt> => {
    world.attempts++
    if (world.hangs) {
      await new Promise<void>(resolve => {
        world.end = resolve
      })
    }
    if (world.answer === 'delivered') delivered.push(item)
    return { result: world.answer, why: world.answer === 'delivered' ? '' : 'nobody there' }
  }
  const outbox = new Outbox<number>(
    { send, limit },
    item => item,
    report => reports.push(report),
  )
  return { outbox, delivered, reports, world, send }
}

const soon = () => vi.advanceTimersByTimeAsync(0)

/** Ends two seconds into a pause. During its first second, a reason to retry only shortens it. */
async function inPause(world: { attempts: number }) {
  for (const before = world.attempts; world.attempts === before; ) await vi.advanceTimersByTimeAsync(500)
  await vi.advanceTimersByTimeAsync(2000)
}

describe('an outbox', () => {
  test('sends sequentially and in order, without reports', async () => {
    const { outbox, delivered, reports } = outboxOf(100)
    for (const item of [1, 2, 3]) outbox.add(item)
    await soon()
    outbox.add(4)
    await soon()
    expect(delivered).toEqual([1, 2, 3, 4])
    expect(reports).toEqual([])
  })

  test('keeps everything up to its limit while nothing can be sent, and reports that once', async () => {
    const { outbox, delivered, reports, world } = outboxOf(10)
    world.answer = 'failed'
    for (const item of [1, 2, 3, 4]) outbox.add(item)
    await vi.advanceTimersByTimeAsync(600_000)
    expect(delivered).toEqual([])
    expect(reports).toEqual([{ state: 'failing', waiting: 10, lost: 0, why: 'nobody there' }])
    world.answer = 'delivered'
    await vi.advanceTimersByTimeAsync(60_000)
    expect(delivered).toEqual([1, 2, 3, 4])
    expect(reports.slice(1)).toEqual([{ state: 'delivered', waiting: 0, lost: 0, why: '' }])
    expect(outbox.lost).toBe(0)
  })

  test('drops the oldest beyond its limit, counts them, and reports it', async () => {
    const { outbox, delivered, reports, world } = outboxOf(10)
    world.answer = 'failed'
    for (let item = 0; item < 20; item++) outbox.add(2)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(reports.map(({ state }) => state)).toEqual(['dropping', 'failing'])
    world.answer = 'delivered'
    await vi.advanceTimersByTimeAsync(60_000)
    expect(delivered).toEqual([2, 2, 2, 2, 2])
    expect(reports.at(-1)).toEqual({ state: 'delivered', waiting: 0, lost: 30, why: '' })
    expect(outbox.lost).toBe(30)
  })

  test('never drops the item that is being sent', async () => {
    const { outbox, delivered, world } = outboxOf(3)
    world.hangs = true
    for (const item of [1, 2, 3]) outbox.add(item)
    await soon()
    world.hangs = false
    world.end()
    await soon()
    expect(delivered).toEqual([1, 3])
    expect(outbox.lost).toBe(2)
  })

  test('continues after items that the collector refuses', async () => {
    const { outbox, delivered, reports, world } = outboxOf(100)
    world.answer = 'refused'
    outbox.add(5)
    outbox.add(6)
    await soon()
    expect(reports).toEqual([{ state: 'refused', waiting: 6, lost: 5, why: 'nobody there' }])
    world.answer = 'delivered'
    outbox.add(1)
    await soon()
    expect(delivered).toEqual([1])
    expect(reports.at(-1)).toMatchObject({ state: 'delivered', lost: 11 })
  })

  test('waits increasingly longer, but retries immediately for a reason', async () => {
    const { outbox, delivered, world } = outboxOf(100)
    world.answer = 'failed'
    outbox.add(1)
    await vi.advanceTimersByTimeAsync(3_600_000)
    // The pauses are 1, 2, 4, 8, 16, 30, 30, … seconds, ± 20 %.
    expect(world.attempts).toBeGreaterThan(95)
    expect(world.attempts).toBeLessThan(160)
    await inPause(world)
    world.answer = 'delivered'
    outbox.retry()
    await soon()
    expect(delivered).toEqual([1])
  })

  test('keeps its pace if there are reasons all the time', async () => {
    const { outbox, world } = outboxOf(100)
    world.answer = 'failed'
    outbox.add(1)
    // An uplink flaps every half second.
    for (let i = 0; i < 7200; i++) {
      await vi.advanceTimersByTimeAsync(500)
      outbox.retry()
    }
    expect(world.attempts).toBeGreaterThan(95)
    expect(world.attempts).toBeLessThan(170)
    // After a whole pause, one reason to retry is enough.
    for (let i = 0; i < 2; i++) await inPause(world)
    const before = world.attempts
    outbox.retry()
    await soon()
    expect(world.attempts).toBe(before + 1)
  })

  test('does not retry before the receiver wants it, also for a reason', async () => {
    const { outbox, world, send } = outboxOf(100)
    world.answer = 'failed'
    outbox.route = { send: async item => ({ ...(await send(item)), retryAfter: 120_000 }), limit: 100 }
    outbox.add(1)
    for (let second = 0; second < 119; second++) {
      await vi.advanceTimersByTimeAsync(1000)
      outbox.retry()
    }
    expect(world.attempts).toBe(1)
    await vi.advanceTimersByTimeAsync(2000)
    expect(world.attempts).toBe(2)
  })

  test('sends queued items through another route once it gets one', async () => {
    const { outbox, world, delivered } = outboxOf(100)
    world.answer = 'failed'
    outbox.add(7)
    await soon()
    const other: number[] = []
    outbox.route = { send: async item => ({ result: 'delivered', why: String(other.push(item)) }), limit: 100 }
    await soon()
    expect({ other, delivered }).toEqual({ other: [7], delivered: [] })
  })

  test('counts refused items of a push, reports them once, and reports when all is accepted again', async () => {
    const { outbox, reports } = outboxOf(100)
    let attempt: Attempt = { result: 'refused', why: '2 of one push: too old', lost: 2 }
    outbox.route = { send: async () => attempt, limit: 100 }
    for (let i = 0; i < 3; i++) {
      outbox.add(7)
      await soon()
    }
    expect(outbox.lost).toBe(6)
    expect(reports).toEqual([{ state: 'refused', waiting: 0, lost: 2, why: '2 of one push: too old' }])
    attempt = { result: 'refused', why: 'more than there were', lost: 1e15 }
    outbox.add(7)
    await soon()
    expect(outbox.lost).toBe(13)
    attempt = { result: 'delivered', why: '' }
    outbox.add(7)
    await soon()
    expect(reports.slice(1)).toEqual([{ state: 'delivered', waiting: 0, lost: 13, why: '' }])
  })

  test('retries at its end, and reports what is left', async () => {
    const { outbox, reports, world } = outboxOf(100)
    world.answer = 'failed'
    outbox.add(7)
    await soon()
    await outbox.close(5000)
    expect(world.attempts).toBe(2)
    expect(reports.at(-1)).toEqual({ state: 'ended', waiting: 7, lost: 7, why: 'netvia ends' })
  })

  test('does not exceed its time limit at the end', async () => {
    const { outbox, reports, world } = outboxOf(100)
    world.hangs = true
    outbox.add(7)
    const ended = outbox.close(5000)
    await vi.advanceTimersByTimeAsync(5000)
    await ended
    expect(reports.at(-1)).toMatchObject({ state: 'ended', waiting: 7 })
  })
})
