import { createRequire } from 'node:module'
import type * as LogExporter from '@opentelemetry/exporter-logs-otlp-proto'
import type * as MetricExporter from '@opentelemetry/exporter-metrics-otlp-proto'
import type * as Resources from '@opentelemetry/resources'
import type * as Logs from '@opentelemetry/sdk-logs'
import type * as Metrics from '@opentelemetry/sdk-metrics'
import { NetviaError } from '../../../errors.js'

export interface OpenTelemetry {
  metrics: typeof Metrics
  metricExporter: typeof MetricExporter
  logs: typeof Logs
  logExporter: typeof LogExporter
  resources: typeof Resources
}

/** The versions that netvia is tested with on every Node it supports. */
const versions = {
  '@opentelemetry/sdk-metrics': '2',
  '@opentelemetry/exporter-metrics-otlp-proto': '0.223',
  '@opentelemetry/sdk-logs': '0.223',
  '@opentelemetry/exporter-logs-otlp-proto': '0.223',
  '@opentelemetry/resources': '2',
}

/**
 * Loads OpenTelemetry's own packages. They are optional peers, because bundling them would make the command a quarter larger.
 *
 * @throws NetviaError `ERR_OPENTELEMETRY_NOT_FOUND`.
 */
export function openTelemetry(): OpenTelemetry {
  const fromHere = createRequire(import.meta.url)
  const load = (name: keyof typeof versions) => {
    try {
      return fromHere(name)
    } catch (cause) {
      throw notFound(name, cause)
    }
  }
  return {
    metrics: load('@opentelemetry/sdk-metrics'),
    metricExporter: load('@opentelemetry/exporter-metrics-otlp-proto'),
    logs: load('@opentelemetry/sdk-logs'),
    logExporter: load('@opentelemetry/exporter-logs-otlp-proto'),
    resources: load('@opentelemetry/resources'),
  }
}

function notFound(name: string, cause: unknown): NetviaError {
  const all = Object.entries(versions).map(([name, version]) => `${name}@${version}`)
  const message = `otlp needs OpenTelemetry's packages, and ${name} can't be loaded`
  const hint = `install them where netvia is: npm install ${all.join(' ')}`
  return new NetviaError(`${message}; ${hint}`, { code: 'ERR_OPENTELEMETRY_NOT_FOUND', hint, cause })
}
