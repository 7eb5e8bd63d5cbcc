import type http from 'node:http'
import type https from 'node:https'
import { anything, keepAliveDelay, milliseconds, type PathOptions, pathSchema, type Schema } from '../../options.js'
import { type TlsOptions, tlsSchema } from '../tcp/tls-options.js'

/** Options of Node's own agents and their connections. Node checks the values, but for times: it shortens those that are too long. */
export const httpAgentSchema = {
  ...pathSchema,
  agentKeepAliveTimeoutBuffer: anything,
  family: anything,
  keepAlive: anything,
  keepAliveMsecs: keepAliveDelay,
  maxFreeSockets: anything,
  maxSockets: anything,
  maxTotalSockets: anything,
  noDelay: anything,
  scheduling: anything,
  timeout: milliseconds,
} satisfies Schema

export const httpsAgentSchema = { ...httpAgentSchema, ...tlsSchema, maxCachedSessions: anything } satisfies Schema

/**
 * The path, and the options of `http.Agent`. Defaults are those of `http.globalAgent`: `keepAlive: true`,
 * `scheduling: 'lifo'`, `timeout: 5000` (milliseconds).
 */
export type HttpAgentOptions = PathOptions &
  Pick<http.AgentOptions, keyof typeof httpAgentSchema & keyof http.AgentOptions>

/** The path, and the options of `https.Agent`. Defaults as in `HttpAgentOptions`. */
export type HttpsAgentOptions = HttpAgentOptions & TlsOptions & Pick<https.AgentOptions, 'maxCachedSessions'>

const defaults = { keepAlive: true, scheduling: 'lifo', timeout: 5000 } as const

/** The options for Node's agent, which merges them over those of each request, including `localAddress`. */
export function nodeAgentOptions({
  device: _device,
  mark: _mark,
  tos: _tos,
  ...rest
}: HttpsAgentOptions): https.AgentOptions {
  return { ...defaults, ...rest }
}
