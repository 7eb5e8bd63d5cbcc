import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { EventLog } from '../../src/cli/monitor/web/event-log.js'
import { Metrics } from '../../src/cli/monitor/web/metrics.js'
import { recentRanges } from '../../src/cli/monitor/web/ranges.js'
import { RecentHistory } from '../../src/cli/monitor/web/recent-history.js'
import { UplinkMonitor } from '../../src/monitor/monitor.js'
import { bad, begin, ok, runnersOf } from './monitor-world.js'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

beforeEach(() => {
  vi.useFakeTimers({ now: begin })
})
afterEach(() => {
  vi.useRealTimers()
})

/** The heap's bytes in use after a garbage collection. */
function held(): number {
  collect()
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
}

test('an hour of monitoring, page and metrics included, needs no more memory than its first minutes', async () => {
  const uplinks = Array.from({ length: 10 }, (_, n) => ({
    name: `${n}`,
    device: `wan${n}`,
    checks: [{ type: 'tcp' as const, host: '192.0.2.1', port: 443 }],
  }))
  let round = 0
  const monitor = new UplinkMonitor(
    { uplinks, interval: 1000, window: 60_000 },
    {
      // wan0 goes up and down, which generates events.
      makeRunner: runnersOf(async (_check, { device }) => (++round % 7000 < 600 && device === 'wan0' ? bad : ok)),
      watchLinks: () => () => {},
    },
  )
  const history = new RecentHistory(monitor)
  const log = new EventLog(monitor)
  const metrics = new Metrics(monitor, '0')
  const parts = [history, log, metrics]
  for (const part of parts) part.start()
  monitor.start()
  const hour = 3_600_000
  // Warm up until every step of the finer ranges is filled and V8 has compiled the code.
  await vi.advanceTimersByTimeAsync(hour / 4)
  await metrics.text()
  const before = held()
  const done = round
  for (let minute = 0; minute < 60; minute++) {
    await vi.advanceTimersByTimeAsync(hour / 60)
    await metrics.text()
  }
  expect(round - done).toBeGreaterThan(30_000)
  // A leak of a hundred bytes per round would be three megabytes.
  const grown = held() - before
  console.log(`${round - done} rounds, ${log.after(0).length} events: ${Math.round(grown / 1024)} KB more`)
  expect(grown).toBeLessThan(1_000_000)
  for (const part of parts) part.stop()
  const stopped = monitor.stop()
  await vi.advanceTimersByTimeAsync(0)
  await stopped
  expect(vi.getTimerCount()).toBe(0)
}, 120_000)

test('the current second has a state from its first millisecond, before its timer fires', async () => {
  const checks = [{ type: 'tcp' as const, host: '192.0.2.1', port: 443 }]
  const monitor = new UplinkMonitor(
    { uplinks: [{ name: 'fibre', device: 'wan0', checks }], interval: 100 },
    { makeRunner: runnersOf(async () => ok), watchLinks: () => () => {} },
  )
  // The timer fires in the middle of each second.
  vi.setSystemTime(Math.ceil(begin / 1000) * 1000 + 500)
  const history = new RecentHistory(monitor)
  history.start()
  monitor.start()
  await vi.advanceTimersByTimeAsync(3501)
  expect(history.report(recentRanges[0]!, 'fibre').state.slice(-4)).toEqual(['up', 'up', 'up', 'up'])
  history.stop()
  await monitor.stop()
})
