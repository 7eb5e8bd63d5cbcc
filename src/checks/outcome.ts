import { NetviaError, shortened } from '../errors.js'
import type { Signal } from '../runtime/cancel.js'

/** What `checkHttp`, `checkTcp` and `checkDns` wait without a `timeout`, in milliseconds. */
export const checkTimeout = 5000

/** Errors of this machine or the call. The network was not tested, so a check must not blame the target. */
const localFaults = new Set([
  'EADDRINUSE',
  'EAFNOSUPPORT',
  'EAGAIN',
  'EINVAL',
  'EIO',
  'EISDIR',
  'ELOOP',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENODEV',
  'ENOMEM',
  'ENOSPC',
  'EPERM',
  'EPROTONOSUPPORT',
  'ERR_ACCESS_DENIED',
  'ERR_ADDON_NOT_FOUND',
  'ERR_ADDRESS_FAMILY',
  'ERR_DEVICE_NOT_BOUND',
  'ERR_INVALID_ARG_VALUE',
  'ERR_UNSUPPORTED_PLATFORM',
  'ERR_WORKER_INIT_FAILED',
])

/**
 * connect(2) returns these codes as answers too: a firewall or router prohibits the connection, the host reports that it has no
 * TCP, or there is no source address.
 */
const localUnlessConnect = new Set(['EACCES', 'EADDRNOTAVAIL', 'ENOPROTOOPT'])

/** Returns a network error as the value for a check's `error`. Throws local errors instead. */
export function networkOutcome(
  error: unknown,
  where: { address?: string; port?: number; device?: string },
): NetviaError {
  if (isLocalFault(error)) throw error
  if (error instanceof NetviaError) return error
  const { code, errno, syscall, message } = error as NodeJS.ErrnoException
  return new NetviaError(shortened(message), { code: code!, errno, syscall, ...where })
}

/** Whether an error is this machine's. One without a code is a bug in the program. */
export function isLocalFault(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException
  if (typeof code !== 'string' || localFaults.has(code)) return true
  return localUnlessConnect.has(code) && syscall !== 'connect'
}

/** Runs a check. If it throws a network error, `failed` turns that into a result. Aborts and local errors reject. */
export async function judge<T>(
  signal: Signal | undefined,
  device: string | undefined,
  check: () => Promise<T>,
  failed: (error: NetviaError) => T,
): Promise<T> {
  try {
    return await check()
  } catch (error) {
    return failed(networkError(error, signal, device))
  }
}

/** The error of a check as a value for its result. Throws the reason of an aborted signal, and local errors. */
export function networkError(error: unknown, signal: Signal | undefined, device: string | undefined): NetviaError {
  signal?.throwIfAborted()
  return networkOutcome(error, { device })
}
