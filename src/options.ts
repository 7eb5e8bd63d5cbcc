import { setMaxListeners } from 'node:events'
import { isIP } from './builtins.js'
import { errorAt, invalidArgument, NetviaError } from './errors.js'

/** The way out of this machine. Taken by every call. */
export interface PathOptions {
  /** Network device by name; `SO_BINDTODEVICE` (socket(7)), DNS included. Fails closed: never another device. */
  device?: string
  /** Source address, bind(2). Does not choose the device: the routing table does. Alone or with `device`. */
  localAddress?: string
  /** Firewall mark for policy routing, `SO_MARK` (socket(7)), 0 to 2^32-1. Needs CAP_NET_ADMIN or CAP_NET_RAW. */
  mark?: number
  /** Type of service / traffic class, `IP_TOS` (ip(7)) or `IPV6_TCLASS` (ipv6(7)), 0-255. */
  tos?: number
}

export interface CommonOptions extends PathOptions {
  /** Rejects with `signal.reason` as soon as it fires, and leaves nothing open. */
  signal?: AbortSignal
}

export type Check = (value: unknown, name: string) => void
export type Schema = Record<string, Check>

const reject = (name: string, value: unknown, expected: string): never => {
  throw invalidArgument(name, value, expected)
}

export function number(min: number, max: number): Check {
  return (value, name) => {
    if (typeof value !== 'number' || !(value >= min && value <= max))
      reject(name, value, `a number from ${min} to ${max}`)
  }
}

export function integer(min: number, max: number): Check {
  return (value, name) => {
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max)
      reject(name, value, `an integer from ${min} to ${max}`)
  }
}

export function oneOf(...values: readonly unknown[]): Check {
  const expected = `one of ${values.map(value => JSON.stringify(value)).join(', ')}`
  return (value, name) => {
    if (!values.includes(value)) reject(name, value, expected)
  }
}

export function arrayOf(check: Check): Check {
  return (value, name) => {
    if (!Array.isArray(value)) reject(name, value, 'an array')
    for (const [index, item] of (value as unknown[]).entries()) run(check, item, `${name}[${index}]`, index)
  }
}

export function instanceOf(type: abstract new (...args: never[]) => unknown): Check {
  return (value, name) => {
    if (!(value instanceof type)) reject(name, value, `an instance of ${type.name}`)
  }
}

export const boolean: Check = (value, name) => {
  if (typeof value !== 'boolean') reject(name, value, 'true or false')
}

export const string: Check = (value, name) => {
  if (typeof value !== 'string' || value === '') reject(name, value, 'a non-empty string')
}

export const anything: Check = () => {}

export const ipAddress: Check = (value, name) => {
  if (typeof value !== 'string' || isIP(value) === 0) reject(name, value, 'an IPv4 or IPv6 address')
}

/** A device name the kernel would take (dev_valid_name): 1-15 bytes, no `/`, no white space, not `.` or `..`. */
export const deviceName: Check = (value, name) => {
  if (
    typeof value !== 'string' ||
    value === '' ||
    Buffer.byteLength(value) > 15 ||
    /[/\s\0:]/.test(value) ||
    value === '.' ||
    value === '..'
  )
    reject(name, value, 'a device name (1-15 bytes, no "/", ":" or white space)')
}

/** Milliseconds; `Infinity` where waiting for ever makes sense. setTimeout(3) of Node ends at 2^31-1. */
export const milliseconds = number(0, 2 ** 31 - 1)
export const port = integer(1, 65_535)
export const portOrZero = integer(0, 65_535)

export const signalCheck: Check = (value, name) => {
  if (typeof (value as AbortSignal | null)?.addEventListener !== 'function') reject(name, value, 'an AbortSignal')
  // One signal for many calls is no leak: without this Node warns from the eleventh on.
  if (value instanceof AbortSignal) setMaxListeners(0, value)
}

export const pathSchema = {
  device: deviceName,
  localAddress: ipAddress,
  mark: integer(0, 0xffff_ffff),
  tos: integer(0, 255),
} satisfies Schema

export const commonSchema = { ...pathSchema, signal: signalCheck } satisfies Schema

/**
 * Refuses what `schema` does not know or does not like, and the lack of what is `required`. `undefined` counts as not given.
 * Every public call runs its options through this first.
 */
export function checkOptions(caller: string, options: unknown, schema: Schema, required: readonly string[] = []): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw invalidArgument(`${caller}: options`, options, 'an object')
  const given = options as Record<string, unknown>
  for (const key of Object.keys(given)) {
    const check = Object.hasOwn(schema, key) ? schema[key] : undefined
    if (!check) {
      const error = new NetviaError(`${caller}: unknown option ${JSON.stringify(key)}`, {
        code: 'ERR_INVALID_ARG_VALUE',
        hint: `known options: ${Object.keys(schema).join(', ')}`,
      })
      throw errorAt(key, error)
    }
    if (given[key] !== undefined) run(check, given[key], `${caller}: ${key}`, key)
  }
  for (const key of required) run(schema[key]!, given[key], `${caller}: ${key}`, key)
}

/** What is wrong at `key` says so. */
function run(check: Check, value: unknown, name: string, key: string | number): void {
  try {
    check(value, name)
  } catch (error) {
    throw errorAt(key, error)
  }
}

/** The path options alone, out of a larger options object. */
export function pathOf({ device, localAddress, mark, tos }: PathOptions): PathOptions {
  return { device, localAddress, mark, tos }
}

/** One text for one path: sockets are shared by it. */
export function pathKey({ device, localAddress, mark, tos }: PathOptions): string {
  return `${device ?? ''}|${localAddress ?? ''}|${mark ?? ''}|${tos ?? ''}`
}
