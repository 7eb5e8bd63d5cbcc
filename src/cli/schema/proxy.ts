import { count, integer, type JsonSchema, object, text } from './build.js'
import { lineOf } from './lines.js'
import { at, forcedOrNull, stateChange } from './monitor.js'

export const proxyParts: Record<string, JsonSchema> = {
  proxyStatistics: object('What went through a proxy since it started', {
    clients: count('Connections of clients that are open'),
    refused: count('Connections that were refused: by address, password or limit'),
    uplinks: {
      type: 'object',
      description: 'By name; without --config by device',
      additionalProperties: object('What went through one uplink', {
        connections: count('That were opened'),
        open: count('Of these, still open'),
        failures: count('That could not be made'),
        bytesSent: count('To the targets'),
        bytesReceived: count('From the targets'),
      }),
    },
  }),
}

/** The lines of `netvia proxy`. */
export const proxyLines: Record<string, JsonSchema> = {
  proxyListening: lineOf('proxy', 'listening', 'At the beginning', {
    address: text('It listens at'),
    port: integer('1-65535'),
  }),
  proxyMetrics: lineOf('proxy', 'metrics', 'With --listen-metrics', { url: text('Of the metrics') }),
  proxyState: lineOf('proxy', 'state', 'With --config: an uplink has changed', stateChange),
  proxyReload: lineOf('proxy', 'reload', 'SIGHUP: the files were read again and taken', { at }),
  proxyForce: lineOf('proxy', 'force', 'netvia force was called', {
    ...{ uplink: text('Its name'), forced: forcedOrNull, at },
  }),
  proxySummary: lineOf('proxy', 'summary', 'At the end', {}, 'proxyStatistics'),
}
