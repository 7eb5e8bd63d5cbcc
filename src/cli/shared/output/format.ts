/** Three significant digits, as ping prints them. */
export function milliseconds(value: number | undefined): string {
  return value === undefined ? '-' : `${digits(value)} ms`
}

/** The same without its unit. */
export function digits(value: number | undefined): string {
  if (value === undefined) return '-'
  return value.toFixed(value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0)
}

export function percent(ratio: number | undefined): string {
  if (ratio === undefined) return '-'
  const rounded = Number((ratio * 100).toPrecision(3))
  // One answer in a million is not "100 %".
  return `${rounded === 100 && ratio < 1 ? 99.9 : rounded}%`
}

/** The time left to the second, as `1:05` or `1:02:03`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const shown = parts[0] ? parts : parts.slice(1)
  return shown.map((part, index) => (index ? String(part).padStart(2, '0') : String(part))).join(':')
}

/** A rounded count, as `1.2k` or `3.4M`. */
export function brief(value: number, base = 1000, units = ['', 'k', 'M', 'G', 'T', 'P']): string {
  let power = 0
  let rest = value
  for (; rest >= base && power < units.length - 1; power++) rest /= base
  return `${power && rest < 10 ? rest.toFixed(1) : Math.round(rest)}${units[power]}`
}

export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}

/** `1024 ports`, or `178 of 1024 ports` for interrupted work. */
export function share(done: number, total: number | undefined, word: string): string {
  return total === undefined || done === total ? plural(done, word) : `${done} of ${plural(total, word)}`
}

/** Bits per second in three significant digits, as `19.9 Mbit/s`. */
export function bitRate(value: number): string {
  const units = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s']
  let power = 0
  let rest = value
  for (; rest >= 999.5 && power < units.length - 1; power++) rest /= 1000
  return `${rest.toFixed(rest < 9.995 ? 2 : rest < 99.95 ? 1 : 0)} ${units[power]}`
}
