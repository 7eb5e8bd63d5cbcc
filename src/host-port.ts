import { isIPv6 } from './builtins.js'
import { invalidArgument } from './errors.js'
import { portOrZero } from './options.js'

/**
 * Splits `host:port` or `[IPv6 address]:port`, like Go's net.SplitHostPort, with the port as a number. The reverse of
 * `joinHostPort`. A zone stays with its address: `[fe80::1%wan2]:80`.
 *
 * @param defaultPort The port of an address without one, 0-65535. An IPv6 address without a port needs no brackets. Default:
 * none, and such an address is an error.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` for anything else, such as a port above 65535 or an IPv6 address with a port but
 * without brackets.
 */
export function splitHostPort(
  address: string,
  defaultPort?: number,
): {
  /** A name, or an address without its brackets. */
  host: string
  /** 0-65535. */
  port: number
} {
  if (defaultPort !== undefined) portOrZero(defaultPort, 'splitHostPort: defaultPort')
  const parsed = typeof address === 'string' ? parseHostPort(address) : undefined
  const port = parsed?.port ?? defaultPort
  if (parsed && port !== undefined) return { host: parsed.host, port }
  throw invalidArgument('splitHostPort: address', address, `"host:port" or "[IPv6 address]:port"`)
}

/** As `splitHostPort`, but the port may be missing. Undefined for what is neither. */
export function parseHostPort(address: string): { host: string; port?: number } | undefined {
  if (isIPv6(address)) return { host: address }
  const [, bracketed, plain, digits] = /^(?:\[([^[\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(address) ?? []
  const host = bracketed ?? plain
  if (host === undefined || (bracketed !== undefined && !isIPv6(bracketed))) return undefined
  if (digits === undefined) return { host }
  const port = Number(digits)
  return port > 65_535 ? undefined : { host, port }
}
