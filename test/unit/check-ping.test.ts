import { beforeEach, expect, test } from 'vitest'
import { checkPing } from '../../src/checks/check-ping.js'
import { expectPromptAbort } from './prompt-abort.js'
import { requires } from './requirements.js'

beforeEach(context => requires(context, 'ping'))

const host = '127.0.0.1'
const device = 'lo'

test.each([host, '::1', 'localhost'])('%s replies', async target => {
  const result = await checkPing(target, { device, interval: 5 })
  expect(result).toMatchObject({ ok: true, statistics: { sent: 3, received: 3, lossRatio: 0 }, error: undefined })
  expect(result.latencyMs).toBe(result.statistics.avgMs)
  expect(result.latencyMs).toBeGreaterThan(0)
})

test('count and interval', async () => {
  const start = performance.now()
  const result = await checkPing(host, { count: 5, interval: 30, device })
  expect(result.statistics.sent).toBe(5)
  expect(performance.now() - start).toBeGreaterThan(115)
})

test('too slow', async () => {
  const result = await checkPing(host, { count: 1, maxRttMs: 0 })
  expect(result).toMatchObject({ ok: false, error: { code: 'ERR_PING_RTT', address: host } })
  expect(result.latencyMs).toBeGreaterThan(0)
})

test('a request that this machine does not send is a value', async () => {
  // Larger than the MTU of the loopback device.
  const result = await checkPing('::1', { count: 1, payloadSize: 65_507, dontFragment: true, device })
  expect(result).toMatchObject({ ok: false, latencyMs: undefined, statistics: { received: 0 } })
  expect(result.error).toMatchObject({ name: 'NetviaError', code: 'EMSGSIZE' })
})

test('a name that does not exist is a value', async () => {
  const result = await checkPing(`${'x'.repeat(64)}.test`)
  expect(result).toMatchObject({ ok: false, latencyMs: undefined, error: { code: 'ENOTFOUND' } })
  expect(result.statistics).toMatchObject({ sent: 0, lossRatio: undefined })
})

test('local errors reject', async () => {
  for (const wrong of [
    { count: 0 },
    { maxLossRatio: 2 },
    { maxRttMs: -1 },
    { interval: 0 },
    { servers: [] },
    { x: 1 },
  ]) {
    await expect(checkPing(host, wrong as object)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  }
  await expect(checkPing('')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  await expect(checkPing(host, { device: 'nosuch0' })).rejects.toMatchObject({ code: 'ENODEV' })
})

test('abort, and nothing stays open', async () => {
  await expectPromptAbort(signal => checkPing(host, { interval: 5000, signal }))
})
