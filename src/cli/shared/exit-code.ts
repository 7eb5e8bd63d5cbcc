import { networkOutcome } from '../../checks/outcome.js'
import { NetviaError } from '../../errors.js'
import { isOwnAddressError } from '../../system/this-host.js'

/** Exit codes, as fping's. If several apply, the highest counts. */
export const Exit = { good: 0, unreachable: 1, notFound: 2, usage: 3, local: 4 } as const
export type Exit = (typeof Exit)[keyof typeof Exit]

export function worst(codes: Iterable<Exit>): Exit {
  return Math.max(Exit.good, ...codes) as Exit
}

const usage = new Set(['ERR_INVALID_ARG_VALUE', 'ERR_ADDRESS_FAMILY', 'ERR_OPEN_PROXY'])

const ofThisMachine = new Set([
  'ERR_NO_MONITOR',
  'ERR_HISTORY',
  'ERR_INHERITED_SOCKET',
  'ERR_MQTT_NOT_FOUND',
  'ERR_OPENTELEMETRY_NOT_FOUND',
  'ERR_UNSUPPORTED_RUNTIME',
])

/** The exit code for an error of the library. */
export function exitOf(error: unknown): Exit {
  if (!(error instanceof NetviaError)) return Exit.local
  const { code } = error
  if (usage.has(code)) return Exit.usage
  if (code === 'ENOTFOUND' || code === 'ENODATA') return Exit.notFound
  if (ofThisMachine.has(code) || isOwnAddressError(error)) return Exit.local
  try {
    networkOutcome(error, {})
    return Exit.unreachable
  } catch {
    return Exit.local
  }
}
