import { describe, expect, onTestFinished, test } from 'vitest'
import { checkPing } from '../../src/checks/check-ping.js'
import { lab, needs } from '../lab/index.js'
import { movedDuring } from './moved.js'

const { address4, address6 } = lab.server
const device = 'wan2'
const fast = { device, interval: 10, timeout: 300 }

test.each([address4, address6])('%s replies, over wan2 alone', async host => {
  const moved = await movedDuring(async () => {
    const result = await checkPing(host, { device, interval: 10 })
    expect(result).toMatchObject({ ok: true, statistics: { sent: 3, received: 3 }, error: undefined })
    expect(result.latencyMs).toBeGreaterThan(0)
  })
  expect(moved).toEqual({ wan1: 0, wan2: 6 })
})

describe('with faults', () => {
  needs('nft')

  test.each([
    ['dropped', 'meta l4proto { icmp, icmpv6 } drop', 'ETIMEDOUT'],
    ['rejected', 'meta l4proto { icmp, icmpv6 } reject with icmpx type admin-prohibited', 'EHOSTUNREACH'],
  ])('%s', async (_what, rule, code) => {
    onTestFinished(lab.fault('internet', `ip daddr ${address4} ${rule}`))
    const result = await checkPing(address4, fast)
    expect(result).toMatchObject({
      ...{ ok: false, latencyMs: undefined, statistics: { sent: 3, received: 0, lossRatio: 1 } },
      error: { code, address: address4, device, syscall: 'ping' },
    })
  })

  test('one of three lost is good, unless maxLossRatio forbids it', async () => {
    // Drops exactly one of every three requests.
    onTestFinished(lab.fault('internet', `ip daddr ${address4} icmp type echo-request numgen inc mod 3 == 1 drop`))
    const some = await checkPing(address4, fast)
    expect(some).toMatchObject({ ok: true, statistics: { sent: 3, received: 2 } })
    const none = await checkPing(address4, { ...fast, maxLossRatio: 0.3 })
    expect(none).toMatchObject({ ok: false, error: { code: 'ERR_PING_LOSS' } })
    expect(none.latencyMs).toBeGreaterThan(0)
    expect(await checkPing(address4, { ...fast, maxLossRatio: 0.34 })).toMatchObject({ ok: true })
  })
})
