import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { getSystemErrorMap, getSystemErrorName } from 'node:util'

/** What a `NetviaError` is made from. */
export interface NetviaErrorDetails {
  /** `ECONNREFUSED`, `ENODEV`, `ERR_…`: Node's own codes where they exist, see docs/errors.md. */
  code: string
  /** Negative, as in Node; undefined if no system call failed. */
  errno?: number
  /** The system call that failed, such as `connect` or `bind`; `resolve` for a name. */
  syscall?: string
  /** The address concerned. */
  address?: string
  /** The port concerned. */
  port?: number
  /** The name netvia tried to resolve, as in Node's dns errors. */
  hostname?: string
  /** The network device concerned. */
  device?: string
  /** What to do about the error. */
  hint?: string
  /** The underlying error. */
  cause?: unknown
}

/** Where an invalid option lies, from the outermost key inwards: `['uplinks', 0, 'checks', 1, 'timeout']`. */
export type OptionPath = readonly (string | number)[]

/**
 * The error that local failures reject with. It has Node's own fields (`errno` is negative), plus `device` and a `hint` that
 * says what to do.
 */
export class NetviaError extends Error {
  /** `ECONNREFUSED`, `ENODEV`, `ERR_…`: Node's own codes where they exist, see docs/errors.md. */
  declare readonly code: string
  /** Negative, as in Node; undefined if no system call failed. */
  declare readonly errno?: number
  /** The system call that failed, such as `connect` or `bind`; `resolve` for a name. */
  declare readonly syscall?: string
  /** The address concerned. */
  declare readonly address?: string
  /** The port concerned. */
  declare readonly port?: number
  /** The name netvia tried to resolve, as in Node's dns errors. */
  declare readonly hostname?: string
  /** The network device concerned. */
  declare readonly device?: string
  /** What to do about the error. */
  declare readonly hint?: string
  /** For `ERR_INVALID_ARG_VALUE`: the path to the invalid option, if there are several. */
  declare option?: OptionPath

  constructor(message: string, details: NetviaErrorDetails) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    for (const [key, value] of Object.entries(details)) {
      if (value !== undefined && key !== 'cause') Object.defineProperty(this, key, { value, enumerable: true })
    }
  }

  /** Always `NetviaError`. */
  override get name(): string {
    return 'NetviaError'
  }
}

/** Cached, because Node builds a new map for each call. */
let errorTexts: ReturnType<typeof getSystemErrorMap> | undefined

/** The error for a failed system call. `errno` is negative, as Node and the addon return it. */
export function systemError(
  errno: number,
  syscall: string,
  given: Omit<NetviaErrorDetails, 'code' | 'errno' | 'syscall'> = {},
): NetviaError {
  const details = { ...given, hint: given.hint ?? deviceHint(errno, given.device) }
  const code = getSystemErrorName(errno)
  errorTexts ??= getSystemErrorMap()
  const text = errorTexts.get(errno)?.[1] ?? 'unknown error'
  const where = [
    details.address && (details.port === undefined ? details.address : joinHostPort(details.address, details.port)),
    details.device && `on device ${details.device}`,
  ].filter(Boolean)
  const message = `${syscall} ${code}: ${text}${where.length ? ` (${where.join(' ')})` : ''}`
  return new NetviaError(details.hint ? `${message}; ${details.hint}` : message, { code, errno, syscall, ...details })
}

const { ENETDOWN, ENETUNREACH } = constants.errno

/** The kernel says "network is unreachable" for a device that is down, too. A hint only: /sys may show another network namespace. */
function deviceHint(errno: number, device: string | undefined): string | undefined {
  if (errno !== -ENETDOWN && errno !== -ENETUNREACH) return undefined
  return isSetDown(device) ? setUpHint(device!) : undefined
}

export function setUpHint(device: string): string {
  return `the device is down: ip link set ${device} up`
}

function isSetDown(device: string | undefined): boolean {
  if (device === undefined) return false
  try {
    // IFF_UP, netdevice(7).
    return (Number(readFileSync(`/sys/class/net/${device}/flags`, 'utf8')) & 1) === 0
  } catch {
    return false
  }
}

/** The error for invalid input: names the option and what netvia expected. */
export function invalidArgument(name: string, value: unknown, expected: string): NetviaError {
  return new NetviaError(`${name} must be ${expected}; got ${shown(value)}`, { code: 'ERR_INVALID_ARG_VALUE' })
}

/** A value as error messages show it. Objects appear by kind only: their content may be secret, and long. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shortened(value))
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  return Array.isArray(value) ? `an array of ${value.length}` : 'an object'
}

/** Limits a text to the length error messages show. Text from the network or the caller may have any length. */
export function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

/** Adds `key` to the path of an option's error, so that the caller can rethrow it. */
export function errorAt(key: string | number, error: unknown): unknown {
  if (error instanceof NetviaError && error.code === 'ERR_INVALID_ARG_VALUE')
    error.option = [key, ...(error.option ?? [])]
  return error
}

/**
 * `host:port`, like Go's net.JoinHostPort. IPv6 addresses get brackets; the `::ffff:…` of dual-stack sockets becomes plain
 * IPv4.
 */
export function joinHostPort(host: string, port: number): string {
  if (typeof host !== 'string') throw invalidArgument('joinHostPort: host', host, 'a string')
  if (typeof port !== 'number') throw invalidArgument('joinHostPort: port', port, 'a number')
  const plain = host.replace(/^::ffff:(?=\d+\.)/i, '')
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`
}
