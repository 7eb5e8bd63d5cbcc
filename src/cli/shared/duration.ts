const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
export type DurationUnit = keyof typeof units

/** `300ms`, `2s`, `1.5m`, `12h`, `30d` and `4w` in milliseconds. A bare number counts in `bare`, if given. Undefined for anything else. */
export function duration(text: string, bare?: DurationUnit): number | undefined {
  const [, number, own] = /^(\d+(?:\.\d*)?|\.\d+)([a-z]+)?$/.exec(text.trim()) ?? []
  const unit = own ?? bare
  if (number === undefined || unit === undefined || !Object.hasOwn(units, unit)) return undefined
  return Number(number) * units[unit as DurationUnit]
}
