import { setMaxListeners } from 'node:events'
import { types } from 'node:util'
import { isIP } from './builtins.js'
import { errorAt, invalidArgument, NetviaError, shown } from './errors.js'

/** The path that packets take out of this machine. Every call accepts these options. */
export interface PathOptions {
  /**
   * Name of the network device. Sets `SO_BINDTODEVICE` (socket(7)), also for DNS. Fails instead of falling back to another
   * device.
   */
  device?: string
  /** Source address, bind(2). The routing table still chooses the device. Use it alone or with `device`. */
  localAddress?: string
  /** Firewall mark for policy routing, `SO_MARK` (socket(7)), 0 to 2^32-1. Needs CAP_NET_ADMIN or CAP_NET_RAW. */
  mark?: number
  /** Type of service / traffic class, `IP_TOS` (ip(7)) or `IPV6_TCLASS` (ipv6(7)), 0-255. */
  tos?: number
}

export interface CommonOptions extends PathOptions {
  /** Aborts the call: it rejects with `signal.reason` immediately and leaves nothing open. */
  signal?: AbortSignal
}

/** Refuses a value, or returns what netvia keeps: the value itself, or a copy where the caller could change it later. */
export type Check = (value: unknown, name: string) => NonNullable<unknown> | null
export type Schema = Record<string, Check>

const reject = (name: string, value: unknown, expected: string): never => {
  throw invalidArgument(name, value, expected)
}

export function number(min: number, max: number): Check {
  return (value, name) =>
    typeof value === 'number' && value >= min && value <= max
      ? value
      : reject(name, value, `a number from ${min} to ${max}`)
}

export function integer(min: number, max: number): Check {
  return (value, name) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? value
      : reject(name, value, `an integer from ${min} to ${max}`)
}

export function oneOf(...values: readonly (string | number)[]): Check {
  const expected = `one of ${values.map(value => JSON.stringify(value)).join(', ')}`
  return (value, name) => values.find(known => known === value) ?? reject(name, value, expected)
}

export function arrayOf(check: Check): Check {
  return (value, name) => {
    if (!Array.isArray(value)) return reject(name, value, 'an array')
    const kept = []
    for (let index = 0; index < value.length; index++) {
      kept.push(run(check, value[index], `${name}[${index}]`, index))
    }
    return kept
  }
}

export const boolean: Check = (value, name) =>
  typeof value === 'boolean' ? value : reject(name, value, 'true or false')

export const string: Check = (value, name) =>
  typeof value === 'string' && value !== '' ? value : reject(name, value, 'a non-empty string')

/** A file name, or text for an argument or an environment. The system's strings end at a NUL, so it refuses one in them. */
export const systemText: Check = (value, name) =>
  (string(value, name) as string).includes('\0') ? reject(name, value, 'a string without NUL characters') : value!

/** Accepts any value without copying it. Use it for values that are consumed before the call returns. */
export const anything: Check = value => value as ReturnType<Check>

/** Accepts any value, and copies arrays, bytes and plain objects within it. */
export const copied: Check = value => copyOf(value) as ReturnType<Check>

function copyOf(value: unknown, depth = 4): unknown {
  if (depth === 0) return value
  if (Array.isArray(value)) return value.map(item => copyOf(item, depth - 1))
  if (types.isUint8Array(value)) return Buffer.from(value)
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyOf(item, depth - 1)]))
}

/** Recognises plain objects of any realm. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** Accepts bytes, and copies them. */
export function bytes(longest: number): Check {
  return (value, name) => {
    if (!isBytes(value)) return reject(name, value, 'a Uint8Array')
    if (value.length > longest) return reject(`${name}.length`, value.length, `at most ${longest}`)
    return new Uint8Array(value)
  }
}

/** Recognises bytes of any realm. Rejects arrays whose memory was transferred. */
export function isBytes(value: unknown): value is Uint8Array {
  return types.isUint8Array(value) && (value.length > 0 || !isDetached(value))
}

function isDetached({ buffer }: Uint8Array): boolean {
  try {
    new Uint8Array(buffer)
    return false
  } catch {
    return true
  }
}

/** Recognises regular expressions of any realm. */
export function isRegExp(value: unknown): value is RegExp {
  return types.isRegExp(value)
}

export const ipAddress: Check = (value, name) =>
  typeof value === 'string' && isIP(value) !== 0 ? value : reject(name, value, 'an IPv4 or IPv6 address')

/** A device name the kernel accepts (dev_valid_name): 1-15 bytes, no `/`, no white space, not `.` or `..`. */
export const deviceName: Check = (value, name) =>
  typeof value === 'string' &&
  value !== '' &&
  Buffer.byteLength(value) <= 15 &&
  !/[/\s\0:]/.test(value) &&
  value !== '.' &&
  value !== '..'
    ? value
    : reject(name, value, 'a device name (1-15 bytes, no "/", ":" or white space)')

/** The longest delay of a Node timer, in milliseconds. A longer one would fire immediately. */
export const longestTimer = 2 ** 31 - 1

/** A time, in milliseconds. */
export const milliseconds = number(0, longestTimer)
/** Idle time before the first keep-alive probe, in milliseconds: the kernel counts it in seconds, up to 32,767 (tcp(7)). */
export const keepAliveDelay = number(1000, 32_767_000)
export const port = integer(1, 65_535)
export const portOrZero = integer(0, 65_535)

export const signalCheck: Check = (value, name) => {
  const signal = signalOf(value) ?? reject(name, value, 'an AbortSignal')
  // One signal for many calls is no leak: without this Node warns from the eleventh on. Not 0: Node's getMaxListeners throws for that,
  // and undici asks it.
  setMaxListeners(Number.POSITIVE_INFINITY, signal)
  return signal
}

/** Stand-ins for signals that aren't Node's own (polyfills, jsdom) and lack parts of the interface. */
const standIns = new WeakMap<object, AbortSignal>()

function signalOf(value: unknown): AbortSignal | undefined {
  if (!isSignal(value)) return undefined
  if (value instanceof AbortSignal) return value as AbortSignal
  const known = standIns.get(value)
  if (known) return known
  const controller = new AbortController()
  const follow = () => controller.abort(value.reason)
  if (value.aborted) follow()
  else value.addEventListener('abort', follow)
  standIns.set(value, controller.signal)
  return controller.signal
}

/** The parts every signal implementation has. */
type AnySignal = Pick<AbortSignal, 'aborted' | 'reason' | 'addEventListener'>

/** Node's getters throw on objects that merely inherit from a signal. */
function isSignal(value: unknown): value is AnySignal {
  if (typeof value !== 'object' || value === null) return false
  try {
    const { aborted, addEventListener } = value as Partial<AnySignal>
    return typeof aborted === 'boolean' && typeof addEventListener === 'function'
  } catch {
    return false
  }
}

export const pathSchema = {
  device: deviceName,
  localAddress: ipAddress,
  mark: integer(0, 0xffff_ffff),
  tos: integer(0, 255),
} satisfies Schema

export const commonSchema = { ...pathSchema, signal: signalCheck } satisfies Schema

/** Options with some values already known. `checkOptions` takes those from `known` and reads the rest from `options`. */
export class PartlyKnown {
  constructor(
    readonly options: unknown,
    readonly known: Readonly<Record<string, unknown>>,
  ) {}
}

/**
 * Checks and copies the options; every public call starts with this. The copy protects the call from callers that reuse or
 * change their object. It reads each key of `schema` once, own or inherited, getters included. `undefined` counts as not given.
 * It refuses unknown keys, invalid values, missing `required` keys, promises and iterables such as a Map.
 */
export function checkOptions<Options extends object>(
  caller: string,
  options: Options | PartlyKnown,
  schema: Schema,
  required: readonly string[] = [],
): Options {
  const { options: own, known } = options instanceof PartlyKnown ? options : new PartlyKnown(options, {})
  if (typeof own !== 'object' || own === null || Array.isArray(own))
    throw invalidArgument(`${caller}: options`, own, 'an object')
  // Its content isn't in its properties: without this, a forgotten `await` would lose the device.
  if ('then' in own || Symbol.iterator in own)
    throw invalidArgument(`${caller}: options`, own, 'an object, not a promise or an iterable')
  for (const key of Object.keys(own)) {
    if (!Object.hasOwn(schema, key)) throw unknownOption(caller, key, schema)
  }
  const kept: Record<string, unknown> = {}
  for (const key of Object.keys(schema)) {
    const value = Object.hasOwn(known, key) ? known[key] : (own as Record<string, unknown>)[key]
    if (value !== undefined || required.includes(key)) kept[key] = run(schema[key]!, value, `${caller}: ${key}`, key)
  }
  return kept as Options
}

function unknownOption(caller: string, key: string, schema: Schema): unknown {
  const error = new NetviaError(`${caller}: unknown option ${shown(key)}`, {
    code: 'ERR_INVALID_ARG_VALUE',
    hint: `known options: ${Object.keys(schema).join(', ')}`,
  })
  return errorAt(key, error)
}

/** Adds `key` to the errors of the check. */
function run(check: Check, value: unknown, name: string, key: string | number): ReturnType<Check> {
  try {
    return check(value, name)
  } catch (error) {
    throw errorAt(key, error)
  }
}

/** Picks the path options from a larger options object. */
export function pathOf({ device, localAddress, mark, tos }: PathOptions): PathOptions {
  return { device, localAddress, mark, tos }
}

/** A key that is equal for equal paths. Calls with the same key share sockets. */
export function pathKey({ device, localAddress, mark, tos }: PathOptions): string {
  return `${device ?? ''}|${localAddress ?? ''}|${mark ?? ''}|${tos ?? ''}`
}
