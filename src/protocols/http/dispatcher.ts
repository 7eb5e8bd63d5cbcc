import type { Socket } from 'node:net'
import type { Agent, buildConnector } from 'undici'
import {
  anything,
  type Check,
  checkOptions,
  keepAliveDelay,
  milliseconds,
  type PathOptions,
  pathOf,
  pathSchema,
  type Schema,
} from '../../options.js'
import type { Signal } from '../../runtime/cancel.js'
import { refuseReconnect } from '../../sockets/refuse-reconnect.js'
import { reportResets } from '../../sockets/report-resets.js'
import { type Connector, connectOnPath } from '../tcp/connect.js'
import { type TlsOptions, tlsSchema } from '../tcp/tls-options.js'
import { BoundSockets } from './bound-sockets.js'
import { requireDispatchers, undici } from './undici-module.js'

/** Options of the connection itself: those of `tls.connect` for TLS, and these. */
export interface DispatcherConnectOptions extends Omit<TlsOptions, 'ALPNProtocols'> {
  /** Milliseconds for name resolution and connection, and again for the TLS handshake. Default: `connectTimeout`. */
  timeout?: number
  /** `SO_KEEPALIVE` (socket(7)). Default: true. */
  keepAlive?: boolean
  /** Idle time before the first probe, in milliseconds, 1000 to 32,767,000. Default: 60,000. */
  keepAliveInitialDelay?: number
}

/** Options of undici's Agent, its pools and its clients. undici checks the values. */
const agentSchema = {
  allowH2: anything,
  bodyTimeout: anything,
  clientTtl: anything,
  connectionWindowSize: anything,
  connections: anything,
  eventSource: anything,
  headersTimeout: anything,
  initialWindowSize: anything,
  interceptors: anything,
  keepAliveMaxTimeout: anything,
  keepAliveTimeout: anything,
  keepAliveTimeoutThreshold: anything,
  maxCachedSessions: anything,
  maxConcurrentStreams: anything,
  maxHeaderSize: anything,
  maxOrigins: anything,
  maxRequestsPerClient: anything,
  maxResponseSize: anything,
  pingInterval: anything,
  pipelining: anything,
  strictContentLength: anything,
  webSocket: anything,
} satisfies Schema

/** The path, and the options of undici's `Agent` except those that would bypass it. */
export type DispatcherOptions = PathOptions &
  Pick<Agent.Options, keyof typeof agentSchema & keyof Agent.Options> & {
    /** Milliseconds for name resolution and connection, and again for the TLS handshake; 0: no limit. Default: 10,000, as in undici. */
    connectTimeout?: number
    /** As undici's `connect`, but not a function, which would bypass the path. */
    connect?: DispatcherConnectOptions
  }

const { ALPNProtocols: _alpn, ...connectTlsSchema } = tlsSchema

const connectCheck: Check = (value, name) =>
  checkOptions(name, value as DispatcherConnectOptions, {
    ...connectTlsSchema,
    timeout: milliseconds,
    keepAlive: anything,
    keepAliveInitialDelay: keepAliveDelay,
  })

const schema: Schema = { ...pathSchema, ...agentSchema, connectTimeout: milliseconds, connect: connectCheck }

/**
 * An undici `Agent` whose connections use the path, name resolution included: the `dispatcher` of undici's `fetch`,
 * `request` and the like, with keep-alive, and HTTP/2 with `allowH2: true`. A connection whose device was deleted is not used
 * again.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE`; `ERR_UNDICI_NOT_FOUND` where the package is not installed; `ERR_UNSUPPORTED_RUNTIME`
 * in Bun, whose own undici ignores dispatchers. Requests fail with what `connect` throws.
 */
export function createDispatcher(options: DispatcherOptions = {}): Agent {
  requireDispatchers('createDispatcher')
  return openDispatcher('createDispatcher', options)
}

/** Settings of a dispatcher for internal callers. */
export interface Connecting {
  /** Ends connections that are still being made. */
  readonly signal?: () => Signal
  /** Makes the connections. Default: over the path. */
  readonly connector?: Connector
}

export function openDispatcher(caller: string, given: DispatcherOptions, connecting: Connecting = {}): Agent {
  const options = checkOptions(caller, given, schema)
  const { device: _device, localAddress: _localAddress, mark: _mark, tos: _tos, ...agentOptions } = options
  const { Agent } = undici()
  // For undici's own error, undici makes a new connection for the waiting requests. Any other error fails them all.
  const sockets = new BoundSockets(socketError)
  class PathAgent extends Agent {
    override dispatch(...request: Parameters<Agent['dispatch']>): boolean {
      sockets.dropDead()
      return super.dispatch(...request)
    }
  }
  return new PathAgent({ ...agentOptions, connect: openConnections(options, sockets, connecting) })
}

function openConnections(
  options: DispatcherOptions,
  sockets: BoundSockets,
  { signal, connector = connectOnPath }: Connecting,
): buildConnector.connector {
  const {
    allowH2,
    maxCachedSessions,
    connect: { timeout, keepAlive = true, keepAliveInitialDelay, ...tls } = {},
  } = options
  const limit = timeout ?? options.connectTimeout ?? 10_000
  const path = pathOf(options)
  const keep = keepAlive && (keepAliveInitialDelay ?? 60_000)
  const secure = undici().buildConnector({ ...tls, allowH2, maxCachedSessions, timeout: limit, keepAlive: false })

  const connectTo = async ({ hostname, port, protocol }: buildConnector.Options) =>
    connector({
      ...path,
      host: hostname,
      port: Number(port) || (protocol === 'https:' ? 443 : 80),
      timeout: limit || undefined,
      noDelay: true,
      keepAlive: keep,
      signal: signal?.(),
    })

  return (target, callback) => {
    connectTo(target).then(
      ({ socket, path: { device } }) => {
        if (target.protocol !== 'https:') {
          sockets.add(inUndicisWords(socket), device)
          return callback(null, socket)
        }
        // From here on undici's own code runs: server name, ALPN, TLS session cache.
        secure({ ...target, httpSocket: socket }, (...result) => {
          if (result[1]) sockets.add(refuseReconnect(inUndicisWords(reportResets(result[1])), device), device)
          callback(...result)
        })
      },
      error => callback(error, null),
    )
  }
}

/**
 * For undici, a body that lasts until the end of the connection is whole even if that was reset, but not if it ended with
 * undici's own error.
 */
function inUndicisWords<T extends Socket>(socket: T): T {
  const { destroy } = socket
  socket.destroy = error => destroy.call(socket, socket.bytesRead > 0 && isReset(error) ? socketError(error) : error)
  return socket
}

function isReset(error: NodeJS.ErrnoException | undefined): error is Error {
  return error?.code === 'ECONNRESET'
}

function socketError(cause: Error): Error {
  const { SocketError } = undici().errors
  return Object.assign(new SocketError(cause.message), { cause })
}
