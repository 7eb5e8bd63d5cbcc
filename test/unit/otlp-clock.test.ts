import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { afterEach, expect, test, vi } from 'vitest'
import { pointsOf, queueing } from '../../src/cli/monitor/otlp/exporters.js'
import { Outbox } from '../../src/cli/monitor/otlp/outbox.js'
import { openTelemetry } from '../../src/cli/monitor/otlp/packages.js'

afterEach(() => void vi.useRealTimers())

const hour = 3_600_000

test('no point starts after its own time when the clock is set, and a series keeps its start', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 10 * hour })
  const packages = openTelemetry()
  const sent: ResourceMetrics[] = []
  const send = async (metrics: ResourceMetrics) => {
    sent.push(metrics)
    return { result: 'delivered' as const, why: '' }
  }
  const outbox = new Outbox({ send, limit: 1000 }, pointsOf, () => {})
  const { MeterProvider, PeriodicExportingMetricReader } = packages.metrics
  const reader = new PeriodicExportingMetricReader({ exporter: queueing(packages, outbox), exportIntervalMillis: hour })
  const provider = new MeterProvider({ readers: [reader] })
  const meter = provider.getMeter('test')
  const counter = meter.createCounter('counter')
  const histogram = meter.createHistogram('histogram')
  let observed = 0
  meter.createObservableCounter('observed').addCallback(result => result.observe(++observed))
  meter.createObservableGauge('gauge').addCallback(result => result.observe(1))
  const at = async (time: number) => {
    vi.setSystemTime(time)
    counter.add(1)
    histogram.record(1)
    await reader.forceFlush()
    const points = sent
      .at(-1)!
      .scopeMetrics[0]!.metrics.flatMap(({ descriptor, dataPoints }) =>
        dataPoints.map(({ startTime, endTime }) => [
          descriptor.name,
          (startTime[0] * 1000) / hour,
          (endTime[0] * 1000) / hour,
        ]),
      )
    return new Map(points.map(([name, begin, end]) => [name, [begin, end]]))
  }
  const series = ['counter', 'histogram', 'observed']
  const steps = [
    ...[
      [10, 10],
      [11, 10],
    ],
    // The clock is set back, so the start is unknown. Then it passes the old start, and is set back again.
    ...[
      [2, 2],
      [3, 2],
      [12, 2],
      [1, 1],
      [13, 1],
    ],
  ] as const
  for (const [time, begin] of steps) {
    const points = await at(time * hour)
    for (const name of series) expect([name, points.get(name)]).toEqual([name, [begin, time]])
    const [from, to] = points.get('gauge')!
    expect(from).toBeLessThanOrEqual(to as number)
  }
  await provider.shutdown()
})
