import { errorAt, invalidArgument, NetviaError } from '../errors.js'
import {
  arrayOf,
  type Check,
  type CommonOptions,
  checkOptions,
  commonSchema,
  integer,
  ipAddress,
  type PathOptions,
  pathOf,
  type Schema,
} from '../options.js'
import { StunServer } from '../protocols/stun/server.js'
import { openUdp } from '../protocols/udp/open-udp.js'
import { stunPort } from './nat.js'
import { loadBytes, maxBytes, token } from './rate/rate-limits.js'
import { RateServer } from './rate/rate-server.js'

/** Options of `serveLine`. */
export interface ServeLineOptions extends CommonOptions {
  /** The server's addresses: one or two. Only with two does STUN show how a NAT behaves (RFC 5780). Default: 0.0.0.0. */
  hosts?: readonly string[]
  /** The port, 1-65,534; 0: one that is free. STUN also uses the next one. Default: 3478. */
  port?: number
  /** Clients that know this token, of 16 characters or more, may measure rates over TCP (`measureRate`). Default: nobody may. */
  token?: string
  /** Payload bytes of each direction of one such measurement. It needs `token`. Default: 500,000,000. */
  maxBytes?: number
}

/** A server for `inspectLine` and `discoverNat` that listens. */
export interface LineServer {
  /** The addresses it listens at. */
  readonly hosts: readonly string[]
  /** The port. */
  readonly port: number
  /** Stops listening. */
  close(): Promise<void>
  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void>
}

const hostsCheck: Check = (value, name) => {
  const hosts = arrayOf(ipAddress)(value, name) as string[]
  if (hosts.length !== 1 && hosts.length !== 2) throw invalidArgument(`${name}.length`, hosts.length, '1 or 2')
  return hosts
}

const schema: Schema = { ...commonSchema, hosts: hostsCheck, port: integer(0, 65_534), token, maxBytes }

/**
 * Serves what `inspectLine` needs at the other end of a line: STUN over UDP (RFC 8489, and RFC 5780 with two addresses), and with a
 * `token` also `measureRate`. One rate is measured at a time, for 60 s in each direction at most. When the `signal` fires it closes.
 *
 * @throws NetviaError `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`; `ENODEV` if the device doesn't exist; `signal.reason` when aborted
 * before it listens.
 */
export async function serveLine(given: ServeLineOptions = {}): Promise<LineServer> {
  const options = checkOptions('serveLine', given, schema)
  const { signal, hosts = ['0.0.0.0'], port = stunPort } = options
  if (options.maxBytes !== undefined && options.token === undefined)
    throw errorAt('token', invalidArgument('serveLine: token', undefined, 'given with maxBytes'))
  signal?.throwIfAborted()
  const { port: used, servers } = await (port === 0 ? withFreePort : listenAt)({ ...options, hosts }, port)
  const close = async () => {
    signal?.removeEventListener('abort', close)
    for (const server of servers) server.close()
  }
  signal?.addEventListener('abort', close)
  return { hosts, port: used, close, [Symbol.asyncDispose]: close }
}

interface Place extends PathOptions {
  readonly hosts: readonly string[]
  readonly token?: string
  readonly maxBytes?: number
}

interface Listening {
  readonly port: number
  readonly servers: readonly { close(): void }[]
}

async function listenAt(place: Place, port: number): Promise<Listening> {
  const { hosts, token, maxBytes = loadBytes } = place
  const stun = await StunServer.listen({ ...pathOf(place), hosts, ports: [port, port + 1] })
  if (token === undefined) return { port: stun.port, servers: [stun] }
  try {
    return { port, servers: [stun, await RateServer.listen({ ...pathOf(place), hosts, port, token, maxBytes })] }
  } catch (error) {
    stun.close()
    throw error
  }
}

/** The kernel chooses a port, and something else may have the next. */
async function withFreePort(place: Place): Promise<Listening> {
  for (let tries = 20; ; tries--) {
    const probe = await openUdp({ ...pathOf(place), host: place.hosts[0]! })
    const { port } = probe.address()
    probe.close()
    try {
      return await listenAt(place, Math.min(port, 65_534))
    } catch (error) {
      if (!(error instanceof NetviaError) || error.code !== 'EADDRINUSE' || tries === 0) throw error
    }
  }
}
