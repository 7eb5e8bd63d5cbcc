import { getSystemErrorMap, getSystemErrorName } from 'node:util'

/** What a `NetviaError` is made from. */
export interface NetviaErrorDetails {
  /** `ECONNREFUSED`, `ENODEV`, `ERR_…`: as Node's own, see docs/errors.md. */
  code: string
  /** Negative, as in Node; undefined where no system call failed. */
  errno?: number
  /** The system call that failed, such as `connect`, `bind`; `resolve` for a name. */
  syscall?: string
  /** The address it was about. */
  address?: string
  /** The port it was about. */
  port?: number
  /** The name that was to be resolved, as in Node's dns errors. */
  hostname?: string
  /** The network device it was about. */
  device?: string
  /** What to do about it. */
  hint?: string
  /** The error behind it. */
  cause?: unknown
}

/** Where in the options given a wrong one lies, from the outermost inwards: `['uplinks', 0, 'checks', 1, 'timeout']`. */
export type OptionPath = readonly (string | number)[]

/** What a local fault rejects with: Node's own fields (`errno` is negative, as in Node), plus `device` and a `hint` that says what to do. */
export class NetviaError extends Error {
  /** `ECONNREFUSED`, `ENODEV`, `ERR_…`: as Node's own, see docs/errors.md. */
  declare readonly code: string
  /** Negative, as in Node; undefined where no system call failed. */
  declare readonly errno?: number
  /** The system call that failed, such as `connect`, `bind`; `resolve` for a name. */
  declare readonly syscall?: string
  /** The address it was about. */
  declare readonly address?: string
  /** The port it was about. */
  declare readonly port?: number
  /** The name that was to be resolved, as in Node's dns errors. */
  declare readonly hostname?: string
  /** The network device it was about. */
  declare readonly device?: string
  /** What to do about it. */
  declare readonly hint?: string
  /** Of `ERR_INVALID_ARG_VALUE`, where it concerns one of several options. */
  declare option?: OptionPath

  constructor(message: string, details: NetviaErrorDetails) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    for (const [key, value] of Object.entries(details)) {
      if (value !== undefined && key !== 'cause') Object.defineProperty(this, key, { value, enumerable: true })
    }
  }

  /** `NetviaError`. */
  override get name(): string {
    return 'NetviaError'
  }
}

/** Node makes a new one each time it is asked. */
let errorTexts: ReturnType<typeof getSystemErrorMap> | undefined

/** The error of a failed system call. `errno` is negative, as Node and the addon give it. */
export function systemError(
  errno: number,
  syscall: string,
  details: Omit<NetviaErrorDetails, 'code' | 'errno' | 'syscall'> = {},
): NetviaError {
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

/** Bad input: names the option and what would have been right. */
export function invalidArgument(name: string, value: unknown, expected: string): NetviaError {
  return new NetviaError(`${name} must be ${expected}; got ${shown(value)}`, { code: 'ERR_INVALID_ARG_VALUE' })
}

/** Of objects only the kind: what is in them may be secret, and long. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shortened(value))
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  return Array.isArray(value) ? `an array of ${value.length}` : 'an object'
}

/** As much of a text as an error says: what comes from the network, or from a careless caller, may be of any length. */
export function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

/** The error of what lies at `key` of some options, for whoever throws it on. */
export function errorAt(key: string | number, error: unknown): unknown {
  if (error instanceof NetviaError && error.code === 'ERR_INVALID_ARG_VALUE')
    error.option = [key, ...(error.option ?? [])]
  return error
}

/** `host:port`, with the brackets IPv6 needs, and IPv4 as IPv4 where a dual-stack socket says `::ffff:…`. Like Go's net.JoinHostPort. */
export function joinHostPort(host: string, port: number): string {
  if (typeof host !== 'string') throw invalidArgument('joinHostPort: host', host, 'a string')
  const plain = host.replace(/^::ffff:(?=\d+\.)/i, '')
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`
}
