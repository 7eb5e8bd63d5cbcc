import { addon } from '../binding/addon.js'
import { isIPv4 } from '../builtins.js'
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
import { dialDescriptorInTime } from '../protocols/tcp/dial.js'
import { decodeAddress, encodeAddress, localAddressOf } from '../sockets/address.js'
import { verifyDevice } from '../sockets/open.js'
import { onLink } from '../sockets/zone.js'
import { checkTimeout, networkError } from './outcome.js'

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
  options.timeout ??= checkTimeout
  const start = monotonicNow()
  try {
    const { fd, address, localAddress } = await dialDescriptorInTime(options)
    const latencyMs = monotonicNow() - start
    try {
      // Aborted in the turn of the call, in which an address nearby has answered.
      options.signal?.throwIfAborted()
      if (options.device !== undefined) verifyDevice(fd, options.device)
      const remoteAddress = canonical(address, options.device)
      return { ok: true, latencyMs, localAddress: localAddress ?? localAddressOf(fd), remoteAddress, error: undefined }
    } finally {
      // Resets like load balancers' checks do, so that nothing stays in TIME_WAIT. In that state, Linux answers late IPv6
      // packets over the default route, whatever device the socket was bound to.
      addon().reset(fd)
    }
  } catch (reason) {
    const error = networkError(reason, options.signal, options.device)
    return { ok: false, latencyMs: undefined, localAddress: undefined, remoteAddress: undefined, error }
  }
}

/** The address as the kernel would write it, with the link it is valid on. */
function canonical(address: string, device: string | undefined): string | undefined {
  return isIPv4(address) ? address : decodeAddress(onLink(encodeAddress(address), device))?.address
}
