import { getSystemErrorMap, getSystemErrorName } from 'node:util'

export interface NetviaErrorDetails {
  code: string
  errno?: number
  syscall?: string
  address?: string
  port?: number
  /** The name that was to be resolved, as in Node's dns errors. */
  hostname?: string
  device?: string
  hint?: string
  cause?: unknown
}

/** What a local fault rejects with: Node's own fields (`errno` is negative, as in Node), plus `device` and a `hint` that says what to do. */
export class NetviaError extends Error {
  declare readonly code: string
  declare readonly errno?: number
  declare readonly syscall?: string
  declare readonly address?: string
  declare readonly port?: number
  declare readonly hostname?: string
  declare readonly device?: string
  declare readonly hint?: string

  constructor(message: string, details: NetviaErrorDetails) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    for (const [key, value] of Object.entries(details)) {
      if (value !== undefined && key !== 'cause') Object.defineProperty(this, key, { value, enumerable: true })
    }
  }

  override get name(): string {
    return 'NetviaError'
  }
}

/** The error of a failed system call. `errno` is negative, as Node and the addon give it. */
export function systemError(
  errno: number,
  syscall: string,
  details: Omit<NetviaErrorDetails, 'code' | 'errno' | 'syscall'> = {},
): NetviaError {
  const code = getSystemErrorName(errno)
  const text = getSystemErrorMap().get(errno)?.[1] ?? 'unknown error'
  const where = [
    details.address && (details.port === undefined ? details.address : joinHostPort(details.address, details.port)),
    details.device && `on device ${details.device}`,
  ].filter(Boolean)
  const message = `${syscall} ${code}: ${text}${where.length ? ` (${where.join(' ')})` : ''}`
  return new NetviaError(details.hint ? `${message}; ${details.hint}` : message, { code, errno, syscall, ...details })
}

/** Bad input: names the option and what would have been right. */
export function invalidArgument(name: string, value: unknown, expected: string): NetviaError {
  const shown =
    typeof value === 'string' ? JSON.stringify(value) : typeof value === 'bigint' ? `${value}n` : String(value)
  return new NetviaError(`${name} must be ${expected}; got ${shown}`, { code: 'ERR_INVALID_ARG_VALUE' })
}

/** `host:port`, with the brackets IPv6 needs, and IPv4 as IPv4 where a dual-stack socket says `::ffff:…`. Like Go's net.JoinHostPort. */
export function joinHostPort(host: string, port: number): string {
  const plain = host.replace(/^::ffff:(?=\d+\.)/i, '')
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`
}
