// Formats numbers and tables.

/** Three significant digits, with the unit. */
export function format(value, unit = '') {
  if (value === undefined || !Number.isFinite(value)) return '–'
  if (unit === '/s') return `${significant(value, true)}/s`
  return unit ? `${significant(value)} ${unit}` : significant(value)
}

function significant(value, thousands = false) {
  const size = Math.abs(value)
  if (thousands && size >= 1000) return `${significant(value / 1000)}k`
  if (size >= 100) return value.toFixed(0)
  if (size >= 10) return value.toFixed(1)
  return value.toFixed(2)
}

export function range({ median, min, max }, unit) {
  return `${format(median, unit)} (${format(min)}–${format(max)})`
}

/** A Markdown table with aligned columns, which is readable on a terminal too. */
export function table(head, rows) {
  const widths = head.map((title, column) =>
    Math.max(...[title, ...rows.map(row => row[column])].map(cell => cell.length)),
  )
  const line = cells => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  return [line(head), `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n')
}
