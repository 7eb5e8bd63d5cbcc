import { invalidArgument, NetviaError } from '../errors.js'
import {
  arrayOf,
  type Check,
  type CommonOptions,
  checkOptions,
  commonSchema,
  integer,
  ipAddress,
  pathOf,
  type Schema,
} from '../options.js'
import { type StunPlace, StunServer } from '../protocols/stun/server.js'
import { openUdp } from '../protocols/udp/open-udp.js'
import { stunPort } from './nat.js'

/** Options of `serveLine`. */
export interface ServeLineOptions extends CommonOptions {
  /** The server's addresses: one or two. Only with two does STUN show how a NAT behaves (RFC 5780). Default: 0.0.0.0. */
  hosts?: readonly string[]
  /** The port, 1-65,534; 0: one that is free. STUN also uses the next one. Default: 3478. */
  port?: number
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

const schema: Schema = { ...commonSchema, hosts: hostsCheck, port: integer(0, 65_534) }

/**
 * Serves what `inspectLine` needs at the other end of a line: STUN over UDP (RFC 8489, and RFC 5780 with two addresses). When the
 * `signal` fires it closes.
 *
 * @throws NetviaError `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`; `ENODEV` if the device doesn't exist; `signal.reason` when aborted
 * before it listens.
 */
export async function serveLine(given: ServeLineOptions = {}): Promise<LineServer> {
  const options = checkOptions('serveLine', given, schema)
  const { signal, hosts = ['0.0.0.0'], port = stunPort } = options
  signal?.throwIfAborted()
  const stun = await (port === 0 ? withFreePort : listenAt)({ ...pathOf(options), hosts }, port)
  const close = async () => {
    signal?.removeEventListener('abort', close)
    stun.close()
  }
  signal?.addEventListener('abort', close)
  return { hosts, port: stun.port, close, [Symbol.asyncDispose]: close }
}

type Place = Omit<StunPlace, 'ports'>

function listenAt(place: Place, port: number): Promise<StunServer> {
  return StunServer.listen({ ...place, ports: [port, port + 1] })
}

/** The kernel chooses a port, and something else may have the next. */
async function withFreePort({ hosts, ...path }: Place): Promise<StunServer> {
  for (let tries = 20; ; tries--) {
    const probe = await openUdp({ ...path, host: hosts[0]! })
    const { port } = probe.address()
    probe.close()
    try {
      return await listenAt({ hosts, ...path }, Math.min(port, 65_534))
    } catch (error) {
      if (!(error instanceof NetviaError) || error.code !== 'EADDRINUSE' || tries === 0) throw error
    }
  }
}
