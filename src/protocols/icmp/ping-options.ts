import { isIP } from '../../builtins.js'
import { errorAt, invalidArgument } from '../../errors.js'
import {
  boolean,
  bytes,
  type CommonOptions,
  checkOptions,
  commonSchema,
  integer,
  longestTimer,
  number,
  oneOf,
  pathOf,
  type Schema,
  string,
} from '../../options.js'
import { encodeAddress, familyOf } from '../../sockets/address.js'
import { unmapped } from '../../sockets/ip.js'
import { targetOnPath } from '../../system/this-host.js'
import { resolveFirst } from '../dns/resolve.js'
import { EchoTemplate } from './probe/echo-template.js'
import { SocketPool } from './probe/socket-pool.js'
import type { Target } from './result.js'

export interface PingOptions extends CommonOptions {
  /** Address family. Default: that of the address; for a name, that of its first address. */
  family?: 4 | 6
  /** Milliseconds to wait for the answer to one request, and as long again to resolve a name. Default 2000. */
  timeout?: number
  /**
   * Bytes after the ICMP header. The first 8 carry a random cookie; a shorter payload makes replies easier to forge. Default
   * 56.
   */
  payloadSize?: number
  /** Sends these bytes as payload, without a cookie. A reply counts only if it contains all of them. */
  payload?: Uint8Array
  /** TTL or hop limit, 1-255. Default: the system's. */
  ttl?: number
  /** Forbids fragmentation: a packet that doesn't fit results in `too-big` (RFC 1191, RFC 8201). Default false. */
  dontFragment?: boolean
  /**
   * Allows broadcast addresses (IPv4), like `ping -b`. All other hosts of the link answer unless they ignore them
   * (`SO_BROADCAST`, socket(7)). Default false: a broadcast address results in `send-failed` with `ERR_BROADCAST_ADDRESS`.
   */
  broadcast?: boolean
  /**
   * `datagram`: ping socket, without privileges. `raw`: needs CAP_NET_RAW. Default `auto`: datagram, or raw where that is
   * refused.
   */
  kind?: 'auto' | 'datagram' | 'raw'
}

const largestPayload = 65_507

export const pingSchema = {
  ...commonSchema,
  family: oneOf(4, 6),
  timeout: number(1, longestTimer),
  payloadSize: integer(0, largestPayload),
  payload: bytes(largestPayload),
  ttl: integer(1, 255),
  dontFragment: boolean,
  broadcast: boolean,
  kind: oneOf('auto', 'datagram', 'raw'),
} satisfies Schema

export const pingDefaults = { timeout: 2000, payloadSize: 56, kind: 'auto' } as const

export function checkPingOptions<Options extends PingOptions>(
  caller: string,
  host: string,
  options: Options,
  schema: Schema,
): Options {
  string(host, `${caller}: host`)
  return checkProbeOptions(caller, options, schema)
}

/** Checks and copies the options, like `checkOptions`. */
export function checkProbeOptions<Options extends PingOptions>(
  caller: string,
  given: Options,
  schema: Schema,
): Options {
  const options = checkOptions(caller, given, schema)
  const { payload, payloadSize } = options
  if (payload && payloadSize !== undefined && payloadSize !== payload.length) {
    const expected = `the length of payload (${payload.length}), or left out`
    throw errorAt('payloadSize', invalidArgument(`${caller}: payloadSize`, payloadSize, expected))
  }
  return options
}

/** Finds the address. A literal address skips the resolver, which costs more than a ping. */
export async function findTarget(host: string, options: PingOptions): Promise<Target> {
  const { family, timeout = pingDefaults.timeout, signal } = options
  const literal = unmapped(host)
  const literalFamily = isIP(literal)
  if (literalFamily !== 0 && (family ?? literalFamily) === literalFamily)
    return { host, address: literal, family: literalFamily }
  const found = await resolveFirst(host, { family, timeout, signal, ...pathOf(options) })
  const address = unmapped(found.address)
  return { host, address, family: familyOf(address) }
}

/** The socket address, and the packet template for it. */
export function prepare(target: Target, options: PingOptions) {
  return {
    address: targetOnPath(encodeAddress(target.address), options.device),
    template: makeTemplate(target.family, options),
  }
}

/** Calls without a payload of their own usually want the same template, so one per family is cached. */
export function makeTemplate(
  family: 4 | 6,
  { payload, payloadSize = pingDefaults.payloadSize }: PingOptions,
): EchoTemplate {
  if (payload) return new EchoTemplate(family, payload)
  let template = lastTemplate[family]
  if (template?.payloadSize !== payloadSize) {
    template = new EchoTemplate(family, payloadSize)
    lastTemplate[family] = template
  }
  return template
}

const lastTemplate: { 4?: EchoTemplate; 6?: EchoTemplate } = {}

/** The shared sockets for these options. Every user must release them. `stampSends`: see `SocketPoolOptions`; `since`: see `acquire`. */
export function acquirePath(family: 4 | 6, options: PingOptions, stampSends = true, since?: number): SocketPool {
  const {
    kind = pingDefaults.kind,
    dontFragment = false,
    broadcast = false,
    payload,
    payloadSize = payload?.length ?? pingDefaults.payloadSize,
  } = options
  const path = pathOf(options)
  return SocketPool.acquire({ family, kind, dontFragment, broadcast, payloadSize, path, stampSends }, since)
}
