import { NetviaError, shortened } from '../errors.js'

/** Wrong on this machine or in the call: the network has said nothing, so a check must not call the target bad. */
const localFaults = new Set([
  'EADDRINUSE',
  'EAFNOSUPPORT',
  'EINVAL',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENODEV',
  'ENOMEM',
  'ENOPROTOOPT',
  'EPERM',
  'EPROTONOSUPPORT',
  'ERR_ADDON_NOT_FOUND',
  'ERR_ADDRESS_FAMILY',
  'ERR_DEVICE_NOT_BOUND',
  'ERR_INVALID_ARG_VALUE',
  'ERR_UNSUPPORTED_PLATFORM',
])

/** The same codes are an answer when connect(2) gives them: a firewall's or router's "prohibited", no source address. */
const localUnlessConnect = new Set(['EACCES', 'EADDRNOTAVAIL'])

/** What the network said, as a value for a check's `error`. Throws what is wrong here instead. */
export function networkOutcome(
  error: unknown,
  where: { address?: string; port?: number; device?: string },
): NetviaError {
  const { code, errno, syscall, message } = error as NodeJS.ErrnoException
  // Without a code it is nobody's fault but the program's.
  if (typeof code !== 'string' || localFaults.has(code)) throw error
  if (localUnlessConnect.has(code) && syscall !== 'connect') throw error
  if (error instanceof NetviaError) return error
  return new NetviaError(shortened(message), { code, errno, syscall, ...where })
}

/**
 * Runs a check. What it throws is the network's verdict (`failed` makes the result of it), unless the caller aborted or the
 * fault is a local one: those reject.
 */
export async function judge<T>(
  signal: AbortSignal | undefined,
  device: string | undefined,
  check: () => Promise<T>,
  failed: (error: NetviaError) => T,
): Promise<T> {
  try {
    return await check()
  } catch (error) {
    signal?.throwIfAborted()
    return failed(networkOutcome(error, { device }))
  }
}
