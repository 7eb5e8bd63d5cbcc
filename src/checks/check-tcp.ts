import type { NetviaError } from '../errors.js'
import { monotonicNow } from '../monotonic.js'
import {
  type CommonOptions,
  checkOptions,
  commonSchema,
  milliseconds,
  oneOf,
  port,
  type Schema,
  string,
} from '../options.js'
import { connect } from '../protocols/tcp/connect.js'
import { judge } from './outcome.js'

export interface TcpCheckOptions extends CommonOptions {
  /** Name or address. */
  host: string
  /** 1-65535. */
  port: number
  /** Addresses of this family only. Default: both, raced (RFC 8305). */
  family?: 4 | 6
  /** For name resolution and connection together, in milliseconds. Default: 5000. */
  timeout?: number
}

/** It accepted the connection in time. */
export interface TcpCheckSuccess {
  ok: true
  /** From the call until the connection was established, name resolution included, in milliseconds. */
  latencyMs: number
  /** Source address of the connection. Undefined, as is the other, where the other end reset it immediately. */
  localAddress: string | undefined
  /** The address that accepted the connection. */
  remoteAddress: string | undefined
  error: undefined
}

/** No connection was established. */
export interface TcpCheckFailure {
  ok: false
  latencyMs: undefined
  localAddress: undefined
  remoteAddress: undefined
  /** Why. */
  error: NetviaError
}

/** What `checkTcp` found: `ok` says which of the two. */
export type TcpCheckResult = TcpCheckSuccess | TcpCheckFailure

export const tcpCheckSchema: Schema = {
  ...commonSchema,
  host: string,
  port,
  family: oneOf(4, 6),
  timeout: milliseconds,
}

/**
 * Whether a TCP port accepts a connection, which is reset at once.
 *
 * What the network says is a value: refused, unreachable, timed out and an unknown name are `ok: false` with an `error`.
 *
 * @throws NetviaError for what is wrong here: bad options, `ENODEV` no such device, `EPERM` no permission; `signal.reason` when
 * aborted.
 */
export async function checkTcp(given: TcpCheckOptions): Promise<TcpCheckResult> {
  const options = checkOptions('checkTcp', given, tcpCheckSchema, ['host', 'port'])
  const start = monotonicNow()
  return judge<TcpCheckResult>(
    options.signal,
    options.device,
    async () => {
      const socket = await connect({ ...options, timeout: options.timeout ?? 5000 })
      const latencyMs = monotonicNow() - start
      const { localAddress, remoteAddress } = socket
      // A reset, as load balancers' checks do: nothing in TIME_WAIT, where Linux answers late packets of IPv6 by the default
      // route whatever device the socket was bound to.
      socket.resetAndDestroy()
      return { ok: true, latencyMs, localAddress, remoteAddress, error: undefined }
    },
    error => ({ ok: false, latencyMs: undefined, localAddress: undefined, remoteAddress: undefined, error }),
  )
}
