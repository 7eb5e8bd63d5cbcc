import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { healthy } from '../../src/cli/monitor/web/health.js'
import { makeServer } from '../../src/cli/monitor/web/server.js'
import type { MonitorOptions } from '../../src/monitor/options.js'
import type { UplinkSnapshot } from '../../src/monitor/record/event-types.js'

const options: MonitorOptions = {
  interval: 1000,
  timeout: 2000,
  uplinks: [{ name: 'one', device: 'lo', checks: [{ type: 'ping', host: '127.0.0.1' }] }],
}
/** Two rounds, a timeout, and half a minute for a busy machine, in ms. */
const patience = 34_000
const begin = 1_000_000_000_000
const uplink = (changed: object) => [{ since: 0, linkFault: null, checks: [], ...changed } as unknown as UplinkSnapshot]

test('it is healthy while every uplink with a link was checked recently', () => {
  const at = (time: number, changed: object) => healthy(uplink(changed), options, time, time)
  expect(at(patience, {})).toBe(true)
  expect(at(patience + 1, {})).toBe(false)
  expect(at(patience + 1, { checks: [{ at: 1 }] })).toBe(true)
  expect(at(patience + 1, { since: 1 })).toBe(true)
  expect(at(patience + 1, { linkFault: 'no carrier' })).toBe(true)
})

test('a clock that was set back by a day does not hide a stall', () => {
  const now = begin - 86_400_000
  expect(healthy(uplink({}), options, patience + 1, now)).toBe(false)
  expect(healthy(uplink({ checks: [{ at: now - patience }] }), options, patience + 1, now)).toBe(true)
})

test('/healthz reports it: 200, or 503 after a stall', async () => {
  let well = true
  const sources = { healthy: () => well } as Parameters<typeof makeServer>[0]
  const access = { refusal: () => 401 } as unknown as Parameters<typeof makeServer>[1]
  const server = makeServer(sources, access, {} as Parameters<typeof makeServer>[2]).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`)
    return [response.status, await response.json()]
  }
  expect(await ask()).toEqual([200, { status: 'ok' }])
  well = false
  expect(await ask()).toEqual([503, { status: 'stalled' }])
})
