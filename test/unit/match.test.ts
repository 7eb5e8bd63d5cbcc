import { createRequire } from 'node:module'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { checkDns } from '../../src/checks/check-dns.js'
import { checkHttp } from '../../src/checks/http/check-http.js'
import { anyMatches, firstMatch } from '../../src/checks/match.js'
import { fakeServer } from './dns-fake-server.js'
import { httpServer } from './http-servers.js'
import { withoutDescriptors } from './without-descriptors.js'

/** A pattern whose time is exponential in the length of the text. */
const hostile = /(a+)+$/
const text = `${'a'.repeat(60)}b`
/** Makes `/a*b|a$/` too slow for the event loop, but far below a second even on a busy machine. */
const quadratic = 'a'.repeat(6000)

/** The longest time in ms that the event loop was blocked during `work`. */
async function stoodStill(work: () => Promise<unknown>): Promise<number> {
  let longest = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }, 1)
  await work()
  clearInterval(timer)
  return Math.max(longest, performance.now() - last)
}

test('strings and patterns, partial or exact', async () => {
  expect(await anyMatches(['one', 'two'], 'wo')).toBe(true)
  expect(await anyMatches(['one', 'two'], 'wo', { exact: true })).toBe(false)
  expect(await anyMatches(['one', 'two'], /^t/)).toBe(true)
  expect(await anyMatches([], /^t/)).toBe(false)
  const remembers = /o/gy
  expect([await anyMatches(['one'], remembers), await anyMatches(['one'], remembers)]).toEqual([true, true])
})

test('without free descriptors a pattern is a local error, and Node does not abort', async () => {
  expect(await anyMatches(['one'], /o/)).toBe(true)
  await withoutDescriptors(() => expect(anyMatches(['one'], /o/)).rejects.toMatchObject({ code: 'EMFILE' }))
  expect(await anyMatches(['one'], /o/)).toBe(true)
})

test('many fast matches, sequential or concurrent, do not block the event loop', async () => {
  let now = 0
  // By this clock, each match takes 6 ms.
  const clock = vi.spyOn(process, 'hrtime').mockImplementation(() => {
    now += 6e6
    return [0, now]
  })
  onTestFinished(() => clock.mockRestore())
  for (const all of [
    async (match: () => Promise<unknown>) => {
      for (let i = 0; i < 200; i++) await match()
    },
    (match: () => Promise<unknown>) => Promise.all(Array.from({ length: 200 }, match)),
  ]) {
    let turns = 0
    let counting = setImmediate(function count() {
      turns++
      counting = setImmediate(count)
    })
    await all(() => firstMatch(['line'], /never/))
    clearImmediate(counting)
    expect(turns).toBeGreaterThan(50)
  }
})

test('a pattern finds the same in the event loop and in the thread', async () => {
  expect(await firstMatch(['no', 'a1', 'b2'], /(?<letter>[ab])(\d)(x)?/)).toEqual({
    ...{ groups: ['a1', 'a', '1', undefined], named: { letter: 'a' } },
  })
  expect(await firstMatch(['no'], /a/)).toBe('none')
  // Quadratic, so it takes too long for the event loop. The thread answers several times.
  for (const end of ['c', 'd', 'e']) {
    expect(await firstMatch([`${'a'.repeat(6000)}${end}`], /a*b|a(?<end>[c-e])$/)).toEqual({
      ...{ groups: [`a${end}`, end], named: { end } },
    })
  }
})

test("the time that its thread takes to start is not the pattern's", async () => {
  // Ends the thread, if there is one.
  await anyMatches([text], hostile, { signal: AbortSignal.timeout(1) })
  const threads = createRequire(import.meta.url)('node:worker_threads')
  const { Worker } = threads
  let started = 0
  threads.Worker = class extends Worker {
    constructor(program: string, options: object) {
      super(`Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)\n${program}`, options)
      started++
    }
  }
  onTestFinished(() => {
    threads.Worker = Worker
  })
  expect(await anyMatches([quadratic], /a*b|a$/)).toBe(true)
  expect(started).toBe(1)
})

test.each([
  ['ERR_WORKER_INIT_FAILED', 'Worker initialization failure: EAGAIN', expect.stringContaining('limit of processes')],
  ['ERR_ACCESS_DENIED', 'Access to this API has been restricted', expect.stringContaining('--allow-worker')],
])('a thread that this machine refuses is no failure of the server: %s', async (code, message, hint) => {
  // Ends the thread, if there is one.
  await anyMatches([text], hostile, { signal: AbortSignal.timeout(1) })
  const threads = createRequire(import.meta.url)('node:worker_threads')
  const { Worker } = threads
  threads.Worker = class {
    constructor() {
      throw Object.assign(new Error(message), { code })
    }
  }
  onTestFinished(() => {
    threads.Worker = Worker
  })
  const port = await httpServer((_request, response) => response.end(quadratic))
  const check = checkHttp(`http://127.0.0.1:${port}/`, { expectBody: /a*b|a$/ })
  await expect(check).rejects.toMatchObject({ name: 'NetviaError', code, hint })
})

describe('a pattern with endless backtracking', () => {
  test('ends, and does not block the event loop', async () => {
    let result: unknown
    const gap = await stoodStill(async () => {
      result = await anyMatches([text], hostile)
    })
    expect(result).toBeUndefined()
    // On the event loop it would take years.
    expect(gap).toBeLessThan(30_000)
  })

  test('does not affect later patterns, even slow ones', async () => {
    const [stuck, slow, quick] = await Promise.all([
      anyMatches([text], hostile),
      anyMatches([quadratic], /a*b|a$/),
      anyMatches(['x'], /x/),
    ])
    expect([stuck, slow, quick]).toEqual([undefined, true, true])
  })

  test('ends with the signal', async () => {
    const took = async () => {
      const controller = new AbortController()
      const start = performance.now()
      setTimeout(() => controller.abort(), 50)
      expect(await anyMatches([text], hostile, { signal: controller.signal })).toBeUndefined()
      return performance.now() - start
    }
    // A busy machine is late at times.
    await expect.poll(took).toBeLessThan(900)
  })

  test('is a failed check', async () => {
    const port = await httpServer((_request, response) => response.end(text))
    const url = `http://127.0.0.1:${port}/`
    expect(await checkHttp(url, { expectBody: hostile })).toMatchObject({
      ok: false,
      error: { code: 'ERR_HTTP_BODY', message: expect.stringContaining('1000 ms') },
    })
    expect(await checkHttp(url, { expectBody: hostile, timeout: 300 })).toMatchObject({
      ok: false,
      error: { code: 'ETIMEDOUT' },
    })
    const dns = await fakeServer(({ question: { name } }) => ({
      answers: [{ name, type: 'TXT', class: 'IN', ttl: 1, data: text }],
    }))
    const answer = await checkDns('name.test', { servers: [dns.server], type: 'TXT', expect: hostile })
    dns.close()
    expect(answer).toMatchObject({ ok: false, error: { code: 'ERR_DNS_ANSWER' } })
  })
})
