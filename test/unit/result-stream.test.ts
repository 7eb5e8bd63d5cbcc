import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { ResultQueue } from '../../src/runtime/result-queue.js'
import { ResultStream } from '../../src/runtime/result-stream.js'

describe('a stream of results', () => {
  function open({ signal, fails }: { signal?: AbortSignal; fails?: Error } = {}) {
    const calls: string[] = []
    const results = new ResultQueue<number>({ capacity: 3, ended: () => calls.push('ended') })
    const stream = new ResultStream(results, signal, async () => {
      calls.push('started')
      if (fails) throw fails
    })
    return { results, stream, calls }
  }

  test('starts once, with the first next', async () => {
    const { stream, results, calls } = open()
    expect(calls).toEqual([])
    const read = [stream.next(), stream.next()]
    results.push(1)
    results.push(2)
    results.end()
    expect(await Promise.all(read)).toMatchObject([{ value: 1 }, { value: 2 }])
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    expect(calls).toEqual(['started', 'ended'])
  })

  test('rejects once with the error of the start, and ends', async () => {
    const { stream, calls } = open({ fails: new Error('no way') })
    await expect(stream.next()).rejects.toThrow('no way')
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    expect(calls).toEqual(['started', 'ended'])
  })

  test('an end before the first next starts nothing', async () => {
    for (const end of ['return', Symbol.asyncDispose] as const) {
      const { stream, calls } = open()
      await stream[end]()
      expect(await stream.next()).toEqual({ done: true, value: undefined })
      expect(calls).toEqual(['ended'])
    }
  })

  test('return resolves a waiting next and drops queued results', async () => {
    const { stream, results } = open()
    const waiting = stream.next()
    await stream.return()
    expect(await waiting).toEqual({ done: true, value: undefined })
    results.push(1)
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  test('obeys the signal from the first next, drops queued results, and releases it at the end', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const first = open({ signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    const waiting = first.stream.next()
    for (const result of [1, 2]) first.results.push(result)
    expect(await waiting).toMatchObject({ value: 1 })
    const second = open({ signal })
    void second.stream.next()
    expect(getEventListeners(signal, 'abort')).toHaveLength(2)
    second.results.end()
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    controller.abort(new Error('enough'))
    await expect(first.stream.next()).rejects.toThrow('enough')
    await expect(open({ signal }).stream.next()).rejects.toThrow('enough')
  })

  test('counts the results that a slow reader has lost', async () => {
    const { stream, results } = open()
    for (let result = 1; result <= 5; result++) results.push(result)
    expect(results.dropped).toBe(2)
    expect(await stream.next()).toMatchObject({ value: 3 })
  })
})
