import { InvalidArgumentError } from 'commander'
import { isIP } from '../../builtins.js'
import { NetviaError } from '../../errors.js'
import type { Check } from '../../options.js'
import { isNumericHost } from '../../sockets/ip.js'
import { type DurationUnit, duration } from './duration.js'
import { size } from './size.js'

/** A usage error without the value. Commander's own error would repeat it, including credentials and tokens. */
export function usageError(message: string): NetviaError {
  return new NetviaError(message, { code: 'ERR_INVALID_ARG_VALUE' })
}

/** Runs one of the library's checks and reports its error as commander's, with the option's name. */
function checked(value: unknown, check: Check): void {
  try {
    check(value, 'it')
  } catch (error) {
    // Commander already prints the value.
    throw new InvalidArgumentError((error as Error).message.replace(/; got .*/s, ''))
  }
}

/** A text that passes `check`. */
export function text(check: Check): (value: string) => string {
  return value => {
    checked(value, check)
    return value
  }
}

/** A number that passes `check`, decimal or 0x…. */
export function numeric(check: Check): (value: string) => number {
  return value => {
    const parsed = value.trim() === '' ? Number.NaN : Number(value)
    if (Number.isNaN(parsed)) throw new InvalidArgumentError('it must be a number')
    checked(parsed, check)
    return parsed
  }
}

/** A size that passes `check`, in bytes: `500MB`, `15 MiB`. */
export function sized(check: Check): (value: string) => number {
  return value => {
    const bytes = size(value)
    if (bytes === undefined) throw new InvalidArgumentError('it must be a size, such as 500MB or 15MiB')
    checked(bytes, check)
    return bytes
  }
}

/** A default in milliseconds for an option in seconds, and how the help shows it. */
export function inSeconds(milliseconds: number): [value: number, shown: string] {
  return [milliseconds, `${milliseconds / 1000}`]
}

/** A single host. Refuses URLs and notations for several addresses. */
export function oneHost(value: string): string {
  if (value.includes('://')) throw new InvalidArgumentError('it must be a name or an address, not a URL')
  if (value.includes('/') || (isNumericHost(value) && !isIP(value))) {
    throw new InvalidArgumentError('it must be a name or an address; several, such as 192.0.2.0/24, are for sweep')
  }
  return value
}

/** For options that may be given more than once. */
export function several<T>(parse: (value: string) => T): (value: string, previous?: T[]) => T[] {
  return (value, previous = []) => [...previous, parse(value)]
}

/** A time in milliseconds, `least` or more. A bare number is in `unit`. */
export function time(unit: DurationUnit, least = 1): (value: string) => number {
  return value => {
    const milliseconds = duration(value, unit)
    if (milliseconds === undefined)
      throw new InvalidArgumentError(`it must be a time, such as 2s or 300ms (bare: ${unit})`)
    if (milliseconds < least) throw new InvalidArgumentError(`it must be ${least}ms or more`)
    if (milliseconds > 2 ** 31 - 1) throw new InvalidArgumentError('it must be less than 25 days')
    return milliseconds
  }
}
