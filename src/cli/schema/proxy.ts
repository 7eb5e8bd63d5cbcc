import { count, integer, type JsonSchema, object, text } from './build.js'
import { lineOf } from './lines.js'
import { stateChange } from './monitor.js'

/** The lines of `netvia proxy`. */
export const proxyLines: Record<string, JsonSchema> = {
  proxyListening: lineOf('proxy', 'listening', 'At the beginning', {
    address: text('It listens at'),
    port: integer('1-65535'),
  }),
  proxyState: lineOf('proxy', 'state', 'With --config: an uplink has changed', stateChange),
  proxySummary: lineOf('proxy', 'summary', 'At the end', {
    clients: count('Connections of clients that were open'),
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
