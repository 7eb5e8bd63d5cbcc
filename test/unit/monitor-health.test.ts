import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { healthy } from '../../src/cli/monitor/web/health.js'
import { makeServer } from '../../src/cli/monitor/web/server.js'
import type { Traffic } from '../../src/monitor/metered/traffic.js'
import { UplinkMonitor } from '../../src/monitor/monitor.js'
import type { MonitorOptions, UplinkOptions } from '../../src/monitor/options.js'
import type { Outcome } from '../../src/monitor/state/state-machine.js'
import { bad, begin, ok, runnersOf, simulate } from './monitor-world.js'

const checks: UplinkOptions['checks'] = [{ type: 'ping', host: '192.0.2.1' }]
const never = () => new Promise<Outcome>(() => {})

describe('a monitor is healthy', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: begin })
  })
  let running: UplinkMonitor
  const start = (monitor: UplinkMonitor) => {
    running = monitor
    monitor.start()
  }
  afterEach(() => {
    // It would wait for checks that never end.
    void running.stop()
    vi.useRealTimers()
  })

  /** Whether it was at each of these seconds. */
  async function during(seconds: number, monitor: UplinkMonitor, each = () => {}) {
    const found: boolean[] = []
    for (let second = 0; second < seconds; second++) {
      await vi.advanceTimersByTimeAsync(1000)
      each()
      found.push(healthy(monitor))
    }
    return found
  }

  test('until a check of an uplink is half a minute late', async () => {
    const { monitor, probe } = simulate()
    expect(healthy(monitor)).toBe(true)
    start(monitor)
    expect(await during(60, monitor)).not.toContain(false)
    probe.mockImplementation((_check, { device }) => (device === 'wan2' ? never() : Promise.resolve(ok)))
    expect(await during(30, monitor)).not.toContain(false)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(healthy(monitor)).toBe(false)
  })

  test('unless a stall is hidden by a clock that was set back by a day', async () => {
    const { monitor, probe } = simulate()
    start(monitor)
    await vi.advanceTimersByTimeAsync(1000)
    vi.setSystemTime(begin - 86_400_000)
    expect(await during(60, monitor)).not.toContain(false)
    probe.mockImplementation(never)
    await vi.advanceTimersByTimeAsync(40_000)
    expect(healthy(monitor)).toBe(false)
  })

  test.each<[string, Partial<MonitorOptions>]>([
    [
      'with a metered line that is silent for minutes',
      { uplinks: [{ name: 'lte', device: 'wan1', metered: true, checks }] },
    ],
    ['with long pauses after bad rounds', { failureInterval: 300_000, down: 10 }],
  ])('%s', async (_what, options) => {
    const { monitor, says } = simulate(options)
    start(monitor)
    await vi.advanceTimersByTimeAsync(10_000)
    says.wan1 = bad
    expect(await during(600, monitor)).not.toContain(false)
    says.wan1 = ok
    expect(await during(600, monitor)).not.toContain(false)
  })

  test('with a metered line whose traffic takes the place of checks', async () => {
    let tell = (_device: string, _traffic: Traffic) => {}
    const probe = vi.fn(async () => ok)
    const watchTraffic = (_devices: unknown, onTraffic: typeof tell) => {
      tell = onTraffic
      return () => {}
    }
    const monitor = new UplinkMonitor(
      { uplinks: [{ name: 'lte', device: 'wan1', metered: true, checks }] },
      { makeRunner: runnersOf(probe), watchLinks: () => () => {}, watchTraffic },
    )
    start(monitor)
    await vi.advanceTimersByTimeAsync(10_000)
    probe.mockClear()
    expect(await during(600, monitor, () => tell('wan1', { says: 'works' }))).not.toContain(false)
    expect(probe).not.toHaveBeenCalled()
  })

  test('without a link, and in the moment in which it is back', async () => {
    const { monitor, probe, link } = simulate()
    start(monitor)
    await vi.advanceTimersByTimeAsync(1000)
    link('wan1', 'no carrier')
    expect(await during(60, monitor)).not.toContain(false)
    probe.mockImplementation(never)
    link('wan1', null)
    expect(healthy(monitor)).toBe(true)
  })
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
