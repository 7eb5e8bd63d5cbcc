export function milliseconds(value: number | null | undefined): string {
  return value == null ? '–' : `${value.toFixed(value < 1 ? 2 : value < 10 ? 1 : 0)} ms`
}

export function percent(ratio: number | null | undefined): string {
  return ratio == null ? '–' : `${+(ratio * 100).toFixed(1)} %`
}

const units = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const

/** A duration in its two largest units, as `3 d 4 h` or `12 min`. Seconds are shown only without larger units. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const first = units.findIndex(([, length]) => seconds >= length)
  if (first < 0) return '0 s'
  const [unit, length] = units[first]!
  const whole = Math.floor(seconds / length)
  const [smaller, shorter] = units[first + 1] ?? units[first]!
  const rest = Math.floor((seconds - whole * length) / shorter)
  return rest > 0 && first < 2 ? `${whole} ${unit} ${rest} ${smaller}` : `${whole} ${unit}`
}

const hours = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
const clock = new Intl.DateTimeFormat(undefined, hours)
const exactClock = new Intl.DateTimeFormat(undefined, { ...hours, second: '2-digit' })
const dayOnly = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' })
const dayAndClock = new Intl.DateTimeFormat(undefined, { ...hours, second: '2-digit', month: 'short', day: 'numeric' })

/** As exact as a minute in a month, and never rounded up to 100 %. */
export function availability(ratio: number | null | undefined): string {
  return ratio == null ? '–' : `${Math.floor(ratio * 1e5) / 1e3} %`
}

/** The time of day, for the axis of a chart. */
export function axisTime(seconds: number): string {
  return (seconds % 60 === 0 ? clock : exactClock).format(seconds * 1000)
}

export function exactTime(ms: number): string {
  return exactClock.format(ms)
}

export function dayTime(ms: number): string {
  return dayAndClock.format(ms)
}

export function axisDay(seconds: number): string {
  return dayOnly.format(seconds * 1000)
}
