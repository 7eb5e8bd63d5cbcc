import { constants } from 'node:os'
import { NetviaError, systemError } from '../../errors.js'
import { deviceDown } from '../../system/device-down.js'

/** Error codes, sorted by how much they say about the other end. Local errors rank before all of them. */
const network = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ERR_ADDRESS_FAMILY',
  'EAFNOSUPPORT',
  'ERR_OFF_PATH',
]

/** The most informative error of all attempts, with the others in `cause`. */
export function raceFailure(errors: readonly unknown[]): unknown {
  const rank = (error: unknown) => (error instanceof NetviaError ? network.indexOf(error.code) : -1)
  const [first] = errors.toSorted((a, b) => rank(a) - rank(b))
  if (errors.length === 1 || !(first instanceof NetviaError)) return first
  const { code, errno, syscall, address, port, hostname, device, hint } = first
  return new NetviaError(`${first.message}, and ${errors.length - 1} more failed`, {
    ...{ code, errno, syscall, address, port, hostname, device, hint },
    cause: new AggregateError(errors, 'no address could be reached'),
  })
}

/** The error for an expired `timeout` in `connect` and `connectTls`. `dns`: that of the name which they still wait for. */
export function connectTimeout(
  where: { address: string; port: number; device?: string },
  waitsFor: ReadonlySet<string>,
  hint: string,
  dns?: NetviaError,
): NetviaError {
  const down = deviceDown('connect', where, [...waitsFor])
  if (down) return down
  return dns ? withHint(dns, hint) : systemError(-constants.errno.ETIMEDOUT, 'connect', { ...where, hint })
}

/** The same error with another hint added. */
export function withHint(error: NetviaError, hint: string): NetviaError {
  const { code, errno, syscall, address, port, hostname, device, cause } = error
  const all = [error.hint, hint].filter(Boolean).join('; ')
  return new NetviaError(`${error.message}; ${hint}`, {
    ...{ code, errno, syscall, address, port, hostname, device, cause, hint: all },
  })
}
