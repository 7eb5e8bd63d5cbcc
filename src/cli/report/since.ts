import { InvalidArgumentError } from 'commander'
import { duration } from '../shared/duration.js'

/**
 * Parses `12h`, `30d` or `4w`, a time ago, or a date such as `2026-11-01` or `2026-11-01T08:00`. Returns ms since the
 * epoch.
 */
export function since(value: string): number {
  const now = Date.now()
  const ago = duration(value)
  // A date alone is in this machine's time zone, as people mean it.
  const date = /^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T00:00` : value
  const at = ago === undefined ? dateOf(date) : now - ago
  if (!(at >= 0))
    throw new InvalidArgumentError('it must be a time, such as 12h, 30d or 4w, or a date, such as 2026-11-01')
  if (at >= now) throw new InvalidArgumentError('it must lie in the past')
  return at
}

/** NaN for a day that its month doesn't have, which `Date.parse` takes for one of the next month. */
function dateOf(text: string): number {
  const [, day] = /^(\d{4}-\d\d-\d\d)T/.exec(text) ?? []
  const isDay = day !== undefined && new Date(Date.parse(day)).toJSON()?.startsWith(day)
  return isDay ? Date.parse(text) : Number.NaN
}
