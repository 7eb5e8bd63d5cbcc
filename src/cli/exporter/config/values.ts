import { invalidArgument } from '../../../errors.js'
import { type Check, checkOptions, longestTimer, type Schema } from '../../../options.js'
import { usageError } from '../../shared/arguments.js'
import { goRegExp } from '../go-regexp.js'

/** A section of the file, with every field that it may have. */
export function section(schema: Schema, required: readonly string[] = [], judge?: (section: never) => void): Check {
  return (value, name) => {
    const checked = checkOptions(name, value as object, schema, required)
    judge?.(checked as never)
    return checked
  }
}

/** YAML reads `8080` and `true` as a number and a boolean. */
export const scalarText: Check = (value, name) => {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw invalidArgument(name, value, 'a string')
}

export function anyOf(...values: readonly string[]): Check {
  return (value, name) => {
    if (values.includes(value as string)) return value as string
    throw invalidArgument(name, value, `one of ${values.join(', ')}`)
  }
}

export const regexp: Check = (value, name) => {
  const pattern = scalarText(value, name) as string
  try {
    return { pattern, compiled: goRegExp(pattern) }
  } catch (error) {
    throw usageError(`${name}: ${(error as Error).message}`)
  }
}

/** A regular expression as written in the file, and as JavaScript matches it. */
export interface Pattern {
  pattern: string
  compiled: RegExp
}

/** A field that blackbox_exporter has and netvia can't honour. */
export function unsupported(instead = ''): Check {
  return (_value, name) => {
    throw usageError(`${name} is not supported by netvia${instead}`)
  }
}

const units: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Returns a number or a text as text. Anything else matches no pattern: a `toString` from the file must not be called. */
const plainText = (value: unknown) => (typeof value === 'object' ? '' : String(value))

/** A duration as in Go, such as `1m30s`, in milliseconds. */
export const duration: Check = (value, name) => {
  const text = plainText(value)
  // Sticky: a search from every digit of a long number would take quadratic time.
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/gy)]
  if (text !== '0' && (text === '' || parts.map(([part]) => part).join('') !== text)) {
    throw invalidArgument(name, value, 'a duration, such as 5s')
  }
  const sum = parts.reduce((sum, [, number, unit]) => sum + Number(number) * units[unit!]!, 0)
  if (sum > longestTimer) throw invalidArgument(name, value, 'less than 25 days')
  return sum
}

/** A size such as `10MB` in units of 1024, in bytes. */
export const size: Check = (value, name) => {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([KMGTPE]?)i?B?$/.exec(plainText(value)) ?? []
  if (number === undefined) throw invalidArgument(name, value, 'a size, such as 10MB')
  return Number(number) * 1024 ** ' KMGTPE'.indexOf(unit || ' ')
}

export const textMap: Check = (value, name) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidArgument(name, value, 'a map')
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, scalarText(text, `${name}: ${key}`)]))
}
