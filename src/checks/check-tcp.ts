import { addon } from '../binding/addon.js'
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
import { dialDescriptor } from '../protocols/tcp/dial.js'
import { withinTimeLimit } from '../protocols/tcp/time-limit.js'
import { decodeAddress, encodeAddress } from '../sockets/address.js'
import { verifyDevice } from '../sockets/open.js'
import { trySetOption } from '../sockets/options.js'
import { onLink } from '../sockets/zone.js'
import { judge } from './outcome.js'

export interface TcpCheckOptions extends CommonOptions {
  /** Name or address. */
  host: string
  /** 1-65535. */
  port: number
  /** Limits the check to addresses of this family. Default: both, raced (RFC 8305). */
  family?: 4 | 6
  /** Milliseconds for name resolution and connection together. Default: 5000. */
  timeout?: number
}

/** The port accepted the connection in time. */
export interface TcpCheckSuccess {
  /** The check passed. */
  ok: true
  /** Milliseconds from the call until the connection was established, including name resolution. */
  latencyMs: number
  /** Source address of the connection. */
  localAddress: string | undefined
  /** The address that accepted the connection. */
  remoteAddress: string | undefined
  /** A check that passed has no error. */
  error: undefined
}

/** No connection was established. */
export interface TcpCheckFailure {
  /** The check failed: `error` says why. */
  ok: false
  /** No connection was established. */
  latencyMs: undefined
  /** No connection was established. */
  localAddress: undefined
  /** No connection was established. */
  remoteAddress: undefined
  /** Why the check failed. */
  error: NetviaError
}

/** The result of `checkTcp`. `ok` distinguishes the two kinds. */
export type TcpCheckResult = TcpCheckSuccess | TcpCheckFailure

export const tcpCheckSchema: Schema = {
  ...commonSchema,
  host: string,
  port,
  family: oneOf(4, 6),
  timeout: milliseconds,
}

/** struct linger: on, 0 seconds. */
const resetOnClose = new Uint8Array(new Int32Array([1, 0]).buffer)

/**
 * Checks whether a TCP port accepts a connection, and resets the connection immediately.
 *
 * Results from the network are values. Refused, unreachable, timed out and an unknown name give `ok: false` with an `error`.
 *
 * @throws NetviaError for local errors: bad options; `ENODEV` if the device doesn't exist; `EPERM` without permission;
 * `signal.reason` when aborted.
 */
export async function checkTcp(given: TcpCheckOptions): Promise<TcpCheckResult> {
  const options = checkOptions('checkTcp', given, tcpCheckSchema, ['host', 'port'])
  const start = monotonicNow()
  return judge<TcpCheckResult>(
    options.signal,
    options.device,
    async () => {
      const timed = { ...options, timeout: options.timeout ?? 5000 }
      const { fd, address } = await withinTimeLimit(timed, (signal, progress) =>
        dialDescriptor(timed, signal, progress),
      )
      const latencyMs = monotonicNow() - start
      try {
        if (options.device !== undefined) verifyDevice(fd, options.device)
        const remote = onLink(encodeAddress(address), options.device)
        const addresses = { localAddress: localAddressOf(fd), remoteAddress: decodeAddress(remote)?.address }
        return { ok: true, latencyMs, ...addresses, error: undefined }
      } finally {
        // Resets like load balancers' checks do, so that nothing stays in TIME_WAIT. In that state, Linux answers late IPv6
        // packets over the default route, whatever device the socket was bound to.
        trySetOption(fd, 'SO_LINGER', resetOnClose)
        addon().close(fd)
      }
    },
    error => ({ ok: false, latencyMs: undefined, localAddress: undefined, remoteAddress: undefined, error }),
  )
}

function localAddressOf(fd: number): string | undefined {
  const bytes = new Uint8Array(28)
  return decodeAddress(bytes, addon().getsockname(fd, bytes))?.address
}
