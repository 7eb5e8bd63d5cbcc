import type { Agent, ClientRequest, ClientRequestArgs } from 'node:http'
import type { Agent as SecureAgent, AgentOptions as SecureAgentOptions } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { lateParent, nodeHttp, nodeHttps } from '../../builtins.js'
import { invalidArgument, NetviaError } from '../../errors.js'
import { checkOptions, type PathOptions, pathKey, pathOf, type Schema } from '../../options.js'
import { refuseReconnect } from '../../sockets/refuse-reconnect.js'
import { reportResets } from '../../sockets/report-resets.js'
import { type Connector, connectOnPath } from '../tcp/connect.js'
import { secureContextFor } from '../tcp/secure-contexts.js'
import type { TlsOptions } from '../tcp/tls-options.js'
import {
  type HttpAgentOptions,
  type HttpsAgentOptions,
  httpAgentSchema,
  httpsAgentSchema,
  nodeAgentOptions,
} from './agent-options.js'
import { BoundSockets } from './bound-sockets.js'
import { PendingConnection } from './pending-connection.js'

/**
 * Milliseconds for the connection, if the agent has no `timeout`. Node has no such limit, but its requests
 * get a socket immediately. A client that starts its clock with the socket (follow-redirects, axios) would wait forever here.
 */
const connectTimeout = 10_000

/** Options of a request that would bypass the path. */
const otherWays = ['socketPath', 'lookup', 'localPort'] as const

type Callback = (error: Error | null, socket: Duplex) => void

interface ConnectionOptions extends ClientRequestArgs {
  keepAlive?: boolean
  keepAliveInitialDelay?: number
  noDelay?: boolean
  port?: number
}

/** Methods of Node's agent that subclasses override. Its type declarations leave them out. */
interface NodeAgent extends Agent {
  totalSocketCount: number
  readonly sockets: Record<string, Socket[]>
  readonly requests: Record<string, ClientRequest[]>
  addRequest(request: ClientRequest, options: ClientRequestArgs): void
  createSocket(request: ClientRequest, options: ClientRequestArgs, callback: Callback): void
  removeSocket(socket: Socket, options: ClientRequestArgs): void
}

/** The name of a connection's pool, in the options that Node keeps with it. Making one takes as long as a system call. */
const poolName = Symbol('poolName')

type Named = ClientRequestArgs & { readonly [poolName]?: string }

/** Returns false if it wasn't there. Removes empty lists. */
function removeFrom<T>(lists: Record<string, T[]>, name: string, item: T): boolean {
  const list = lists[name] ?? []
  const index = list.indexOf(item)
  if (index === -1) return false
  list.splice(index, 1)
  if (list.length === 0) delete lists[name]
  return true
}

/** @internal Makes the connections. A group replaces it with its own. */
export const connector = Symbol('connector')

type AgentClass<Options, NodeClass extends Agent> = new (options?: Options) => NodeClass

/** `Base` with its connections on a path. `secure`: turns a connected socket into a TLS one. */
function onPath<Options extends HttpAgentOptions, NodeClass extends Agent>(
  Base: new () => NodeClass,
  caller: string,
  schema: Schema,
  secure: boolean,
) {
  return class extends (Base as unknown as new (options: SecureAgentOptions) => NodeAgent) {
    readonly #path: PathOptions
    readonly #pathKey: string
    readonly #connectTimeout: number
    readonly #connections = new BoundSockets();
    [connector]: Connector = connectOnPath

    constructor(given: Options = {} as Options) {
      const options = checkOptions(caller, given, schema)
      super(nodeAgentOptions(options))
      this.#path = pathOf(options)
      this.#pathKey = pathKey(options)
      this.#connectTimeout = options.timeout || connectTimeout
      // Before Node's own listener, which gives the connection to a request that waits.
      this.prependListener('free', (_socket, options) => {
        if (this.requests[this.getName(options)]) this.#dropDead()
      })
    }

    override getName(options?: Named): string {
      return options?.[poolName] ?? `${super.getName(options)}:${this.#pathKey}`
    }

    override addRequest(request: ClientRequest, options: ClientRequestArgs): void {
      this.#dropDead()
      super.addRequest(request, options)
    }

    override createSocket(request: ClientRequest, options: ClientRequestArgs, callback: Callback): void {
      const name = this.getName(options)
      const queued = this.requests[name]?.includes(request) ?? false
      const pending = new PendingConnection(request)
      this.sockets[name] ??= []
      const standIn = pending as unknown as Socket
      this.sockets[name].push(standIn)
      this.totalSocketCount++
      const signal = pending.signal as AbortSignal
      const named: Named = { ...options, signal, [poolName]: name }
      super.createSocket(request, named, (error, socket) => {
        pending.end()
        this.totalSocketCount--
        removeFrom(this.sockets, name, standIn)
        if (!error) return callback(null, socket)
        // Another connection may serve the queued request by now. Then the failure isn't its own.
        const waiting = !queued || removeFrom(this.requests, name, request)
        if (waiting) callback(error, socket)
        // Makes the next queued request open its own connection instead of waiting for a free one.
        this.removeSocket(standIn, options)
      })
    }

    override createConnection(options: ConnectionOptions, callback?: Callback): undefined {
      if (!callback) throw invalidArgument(`${caller}: createConnection: callback`, callback, 'a function')
      this.#connect(options).then(socket => callback(null, socket), callback as (error: Error) => void)
    }

    async #connect(options: ConnectionOptions): Promise<Socket> {
      const other = otherWays.find(name => options[name] !== undefined)
      if (other)
        throw new NetviaError(`${caller}: a request's ${other} can't be used on a path`, {
          code: 'ERR_INVALID_ARG_VALUE',
        })
      const { host, port, family, noDelay, keepAlive, keepAliveInitialDelay, timeout } = options
      const { device, localAddress, mark, tos } = this.#path
      const { socket: tcp, path } = await this[connector]({
        device,
        mark,
        tos,
        localAddress: options.localAddress ?? localAddress,
        host: host ?? 'localhost',
        port: Number(port),
        family: family === 4 || family === 6 ? family : undefined,
        noDelay,
        keepAlive: keepAlive ? (keepAliveInitialDelay ?? true) : false,
        timeout: this.#connectTimeout,
        signal: options.signal,
      })
      const socket = secure ? this.#secure(options, tcp, path.device) : tcp
      this.#connections.add(socket, path.device)
      if (timeout) socket.setTimeout(timeout)
      return socket
    }

    /** From here on Node's own code runs, with its TLS session cache. */
    #secure(options: ConnectionOptions, socket: Socket, device: string | undefined): Socket {
      const tls: TlsOptions = options as object
      try {
        const secureContext = tls.secureContext ?? secureContextFor(tls)
        const connection = super.createConnection({ ...options, secureContext, socket } as ConnectionOptions) as Socket
        // A handshake for which the options leave no version or cipher fails immediately. Before Node 24, a request that gets such a
        // socket waits forever.
        if (connection.errored) throw connection.errored
        return refuseReconnect(reportResets(connection), device)
      } catch (error) {
        socket.destroy()
        throw error
      }
    }

    #dropDead(): void {
      this.#connections.dropDead(socket => socket.emit('agentRemove'))
    }
  } as unknown as AgentClass<Options, NodeClass>
}

/**
 * An `http.Agent` whose connections use the path, name resolution included, for anything that takes a Node agent.
 * Pools of different paths never mix, and a connection whose device was deleted is not used again.
 *
 * A request with options that would bypass the path (`socketPath`, `lookup`, `localPort`) fails.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE`. Requests fail with what `connect` throws, `ETIMEDOUT` after the agent's
 * `timeout` or 10 seconds.
 */
export class HttpAgent extends lateParent(() =>
  onPath<HttpAgentOptions, Agent>(nodeHttp().Agent, 'HttpAgent', httpAgentSchema, false),
) {}

/** An `https.Agent` whose connections use the path: as `HttpAgent`, with the TLS options and the session cache of Node's own. */
export class HttpsAgent extends lateParent(() =>
  onPath<HttpsAgentOptions, SecureAgent>(nodeHttps().Agent, 'HttpsAgent', httpsAgentSchema, true),
) {}
