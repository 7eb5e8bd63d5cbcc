import { invalidArgument } from '../../errors.js'
import { type Check, integer, number, string } from '../../options.js'

/** Milliseconds of each direction. */
export const loadMs = 10_000
/** The shortest that shows a rate, and the longest that a server grants. */
export const shortestLoad = 1000
export const longestLoad = 60_000
/** Payload bytes of each direction: 10 s at 400 Mbit/s. */
export const loadBytes = 500_000_000
const fewestBytes = 100_000
/** TCP connections of each direction. */
export const loadConnections = 4
export const mostConnections = 16
/** Characters. Shorter ones can be guessed. */
const shortestToken = 16

export const duration = number(shortestLoad, longestLoad)
export const maxBytes = integer(fewestBytes, Number.MAX_SAFE_INTEGER)
export const connections = integer(1, mostConnections)

export const token: Check = (value, name) => {
  // The value is a secret.
  if (typeof value !== 'string' || value.length < shortestToken)
    throw invalidArgument(
      name,
      typeof value === 'string' ? value.length : value,
      `a text of ${shortestToken} characters or more`,
    )
  return string(value, name)
}
