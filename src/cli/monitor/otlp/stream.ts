import { hostname } from 'node:os'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { instrument } from '../../../monitor/instrument.js'
import { type UplinkMonitor, watchedUplinks } from '../../../monitor/monitor.js'
import type { StateEvent } from '../../../monitor/record/event-types.js'
import type { UplinkState } from '../../../monitor/state/state-machine.js'
import { queueing } from './exporters.js'
import type { OtlpSettings } from './options.js'
import type { Outbox } from './outbox.js'
import type { OpenTelemetry } from './packages.js'

/** Uplinks and checks, times states: enough for a monitor of thousands. */
const mostSeries = 100_000

/** `SeverityNumber` of OpenTelemetry. */
const severities: Record<UplinkState, [number: number, text: string]> = {
  unknown: [9, 'INFO'],
  up: [9, 'INFO'],
  degraded: [13, 'WARN'],
  down: [17, 'ERROR'],
}

export interface Sinks {
  metrics: Outbox<ResourceMetrics>
  logs: Outbox<ReadableLogRecord[]>
}

/** Facts that the command adds to those of the monitor. */
export interface CommandFacts {
  version: string
  instance: string
  /** When a configuration was last accepted, in milliseconds since 1970, and whether the newest one was. */
  loaded: { at: number; taken: boolean }
}

/** The SDK's providers. They turn the monitor's events into points and records in the outboxes. */
export class Stream {
  readonly #end: () => Promise<void>

  constructor(
    openTelemetry: OpenTelemetry,
    monitor: UplinkMonitor,
    settings: OtlpSettings,
    facts: CommandFacts,
    sinks: Sinks,
  ) {
    const resource = openTelemetry.resources.resourceFromAttributes({
      ...settings.attributes,
      'service.name': 'netvia',
      'service.version': facts.version,
      'service.instance.id': facts.instance,
      'host.name': hostname(),
    })
    const metrics = new openTelemetry.metrics.MeterProvider({
      resource,
      readers: [
        new openTelemetry.metrics.PeriodicExportingMetricReader({
          exporter: queueing(openTelemetry, sinks.metrics),
          exportIntervalMillis: settings.interval,
          exportTimeoutMillis: settings.interval,
          cardinalityLimits: { default: mostSeries },
        }),
      ],
    })
    const unregister = instrument(monitor, metrics)
    observeCommand(metrics.getMeter('netvia'), facts, sinks)
    const stopLogging =
      settings.logsUrl === undefined ? undefined : logStates(openTelemetry, resource, monitor, sinks.logs)
    this.#end = async () => {
      // Collects a last time.
      await metrics.shutdown()
      unregister()
      stopLogging?.()
    }
  }

  /** Resolves when the last points are in the outbox. */
  end(): Promise<void> {
    return this.#end()
  }
}

type Resource = ReturnType<OpenTelemetry['resources']['resourceFromAttributes']>
type Meter = ReturnType<InstanceType<OpenTelemetry['metrics']['MeterProvider']>['getMeter']>

function observeCommand(meter: Meter, facts: CommandFacts, { metrics, logs }: Sinks): void {
  meter
    .createObservableGauge('netvia.config.last_reload_successful', {
      description: '1 if the configuration was right when last read',
    })
    .addCallback(result => result.observe(Number(facts.loaded.taken)))
  meter
    .createObservableGauge('netvia.config.last_reload_success_timestamp', {
      unit: 's',
      description: 'When a configuration was last taken, since 1970',
    })
    .addCallback(result => result.observe(facts.loaded.at / 1000))
  meter
    .createObservableCounter('netvia.otlp.lost', {
      unit: '{item}',
      description: 'Data points and log records that never reached the collector',
    })
    .addCallback(result => {
      result.observe(metrics.lost, { 'netvia.otlp.signal': 'metrics' })
      result.observe(logs.lost, { 'netvia.otlp.signal': 'logs' })
    })
}

function logStates(
  { logs: { LoggerProvider } }: OpenTelemetry,
  resource: Resource,
  monitor: UplinkMonitor,
  outbox: Outbox<ReadableLogRecord[]>,
): () => void {
  const provider = new LoggerProvider({
    resource,
    processors: [{ onEmit: record => outbox.add([record]), forceFlush: async () => {}, shutdown: async () => {} }],
  })
  const logger = provider.getLogger('netvia')
  const onState = ({ uplink, from, to, reason, at }: StateEvent) => {
    const device = watchedUplinks(monitor).find(watched => watched.uplink.name === uplink)?.uplink.device
    const [severityNumber, severityText] = severities[to]
    logger.emit({
      eventName: 'netvia.uplink.state_change',
      timestamp: at,
      ...{ severityNumber, severityText, body: `${uplink}: ${from} -> ${to} (${reason})` },
      attributes: {
        'netvia.uplink.name': uplink,
        ...(device && { 'network.interface.name': device }),
        'netvia.uplink.previous_state': from,
        'netvia.uplink.state': to,
        'netvia.uplink.reason': reason,
      },
    })
  }
  monitor.on('state', onState)
  return () => void monitor.off('state', onState)
}
