import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Metrics } from '../../src/cli/monitor/web/metrics.js'
import { instrument } from '../../src/monitor/instrument.js'
import { bad, begin, simulate, uplinks } from './monitor-world.js'

beforeEach(() => {
  vi.useFakeTimers({ now: begin })
})
afterEach(() => {
  vi.useRealTimers()
})

function collector() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 })
  const provider = new MeterProvider({ readers: [reader] })
  /** The last value of each series, by `name attributes`. */
  const values = async () => {
    const { resourceMetrics } = await reader.collect()
    const series = resourceMetrics.scopeMetrics.flatMap(({ metrics }) =>
      metrics.flatMap(({ descriptor, dataPoints }) =>
        dataPoints.map(({ attributes, value }) => {
          const text = Object.entries(attributes).map(([key, value]) => `${key}=${value}`)
          return [
            `${descriptor.name} ${text.join(' ')}`.trim(),
            typeof value === 'number' ? value : (value as { count: number }).count,
          ]
        }),
      ),
    )
    return Object.fromEntries(series) as Record<string, number>
  }
  const units = async () => {
    const { resourceMetrics } = await reader.collect()
    return resourceMetrics.scopeMetrics.flatMap(({ metrics }) =>
      metrics.map(({ descriptor: { name, unit } }) => [name, unit] as const),
    )
  }
  return { provider, values, units }
}

const fibre = 'netvia.uplink.name=fibre network.interface.name=wan1'
const check = `${fibre} netvia.check.index=0 netvia.check.type=ping netvia.check.target=192.0.2.1`

describe('instrument', () => {
  test('reports states, losses and results with the SDK of OpenTelemetry', async () => {
    const world = simulate()
    const { provider, values } = collector()
    instrument(world.monitor, provider)
    // The counters exist from the start, at 0.
    expect(await values()).toMatchObject({ [`netvia.uplink.state_changes ${fibre} netvia.uplink.state=down`]: 0 })
    world.monitor.start()
    await vi.advanceTimersByTimeAsync(5000)
    const up = await values()
    expect(up).toMatchObject({
      [`netvia.uplink.state ${fibre} netvia.uplink.state=up`]: 1,
      [`netvia.uplink.state ${fibre} netvia.uplink.state=down`]: 0,
      [`netvia.uplink.link_up ${fibre}`]: 1,
      [`netvia.uplink.flapping ${fibre}`]: 0,
      [`netvia.uplink.loss ${fibre}`]: 0,
      [`netvia.uplink.latency ${fibre}`]: 0.01,
      [`netvia.uplink.state_changes ${fibre} netvia.uplink.state=up`]: 1,
      [`netvia.check.results ${check} netvia.check.result=failed`]: 0,
    })
    expect(up[`netvia.check.results ${check} netvia.check.result=ok`]).toBe(up[`netvia.check.latency ${check}`])
    world.says.wan1 = bad
    world.link('wan2', 'no carrier')
    await vi.advanceTimersByTimeAsync(5000)
    const down = await values()
    expect(down[`netvia.uplink.state ${fibre} netvia.uplink.state=down`]).toBe(1)
    expect(down[`netvia.uplink.state_timestamp ${fibre}`]).toBeGreaterThan(begin / 1000)
    expect(down[`netvia.check.results ${check} netvia.check.result=failed`]).toBeGreaterThanOrEqual(3)
    expect(down['netvia.uplink.link_up netvia.uplink.name=lte network.interface.name=wan2']).toBe(0)
    await world.monitor.stop()
  })

  test('ends when the returned function is called', async () => {
    const world = simulate()
    const { provider, values } = collector()
    const listeners = world.monitor.listenerCount('check')
    const unregister = instrument(world.monitor, provider)
    world.monitor.start()
    await vi.advanceTimersByTimeAsync(3000)
    unregister()
    const before = await values()
    world.says.wan1 = bad
    await vi.advanceTimersByTimeAsync(5000)
    expect(await values()).toEqual(before)
    expect(world.monitor.listenerCount('check')).toBe(listeners)
    await world.monitor.stop()
  })

  test('follows new uplinks, and drops removed ones', async () => {
    const world = simulate()
    const { provider, values } = collector()
    instrument(world.monitor, provider)
    world.monitor.start()
    await vi.advanceTimersByTimeAsync(3000)
    const added = { name: 'sat', checks: [{ type: 'ping' as const, host: '192.0.2.9' }] }
    void world.monitor.configure({ uplinks: [uplinks[0]!, added] })
    expect(await values()).toMatchObject({
      'netvia.uplink.state netvia.uplink.name=sat netvia.uplink.state=unknown': 1,
      'netvia.uplink.state_changes netvia.uplink.name=sat netvia.uplink.state=up': 0,
    })
    await world.monitor.stop()
  })

  test('has the same metrics as /metrics, by their Prometheus names', async () => {
    const world = simulate({ uplinks: [{ ...uplinks[0]!, metered: true }] })
    const { provider, units } = collector()
    instrument(world.monitor, provider)
    const metrics = new Metrics(world.monitor, '0')
    metrics.start()
    world.monitor.start()
    await vi.advanceTimersByTimeAsync(5000)
    const types = Object.fromEntries(
      [...(await metrics.text()).matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]),
    )
    // See https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/.
    const suffixes: Record<string, string> = { s: '_seconds', By: '_bytes', 1: '_ratio' }
    const translated = (await units()).map(([name, unit]) => `${name.replaceAll('.', '_')}${suffixes[unit] ?? ''}`)
    const ofUplinks = Object.keys(types).filter(name => /^netvia_(uplink|check)_/.test(name))
    expect(translated.toSorted()).toEqual(ofUplinks.map(name => name.replace(/_total$/, '')).toSorted())
    metrics.stop()
    await world.monitor.stop()
  })

  test('refuses anything but a monitor and a provider', () => {
    const world = simulate()
    expect(() => instrument({} as never, collector().provider)).toThrow(/monitor must be an UplinkMonitor/)
    expect(() => instrument(world.monitor, {} as never)).toThrow(/meterProvider must be a MeterProvider/)
    expect(() => instrument(world.monitor, undefined as never)).toThrow(/meterProvider must be/)
  })
})
