import { InvalidArgumentError } from 'commander'

const units = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** `12h`, `30d`, `4w`: so long ago; or a date, as `2026-11-01` or `2026-11-01T08:00`. In ms since the epoch. */
export function since(value: string): number {
  const now = Date.now()
  const [, number, unit] = /^(\d+(?:\.\d+)?)([mhdw])$/.exec(value.trim()) ?? []
  // A date by itself is in this machine's time zone, as people mean it.
  const date = /^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T00:00` : value
  const at = number === undefined ? dateOf(date) : now - Number(number) * units[unit as keyof typeof units]
  if (!(at >= 0))
    throw new InvalidArgumentError('it must be a time, such as 12h, 30d or 4w, or a date, such as 2026-11-01')
  if (at >= now) throw new InvalidArgumentError('it must lie in the past')
  return at
}

function dateOf(text: string): number {
  return /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN
}
