import stringWidth from 'string-width'

export interface Column {
  title: string
  align?: 'left' | 'right'
  /** Left out first if the terminal is too narrow. */
  spare?: boolean
}

/**
 * Columns without rules, as `ip` and `ps` print them. If `width` is too small, spare columns are left out, the last one first. If that
 * is not enough, each row becomes a list of its own.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): string {
  const shown = columns.map((_, index) => index)
  for (;;) {
    const text = grid(
      shown.map(index => columns[index]!),
      rows.map(row => shown.map(index => row[index] ?? '')),
    )
    if (widest(text.split('\n')) <= width) return text
    const spare = shown.findLastIndex(index => columns[index]!.spare)
    if (spare < 0) return lists(columns, rows)
    shown.splice(spare, 1)
  }
}

function grid(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map(({ title }) => title), ...rows].map(row => row.map(cell => cell.split('\n')))
  const widths = columns.map((_, column) => widest(cells.flatMap(row => row[column]!)))
  return cells.flatMap(row => linesOf(row, columns, widths)).join('\n')
}

/** A row is as high as its highest cell. */
function linesOf(row: readonly string[][], columns: readonly Column[], widths: readonly number[]): string[] {
  return Array.from({ length: Math.max(...row.map(cell => cell.length)) }, (_, line) => {
    const parts = row.map((cell, column) => aligned(cell[line] ?? '', widths[column]!, columns[column]!.align))
    return parts.join('  ').trimEnd()
  })
}

function lists(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const titles = columns.slice(1).map(({ title }) => title)
  const width = widest(titles)
  const margin = ' '.repeat(width + 4)
  const item = (title: string, cell = '') => {
    if (cell === '') return []
    return `  ${aligned(title, width)}  ${cell.replaceAll('\n', `\n${margin}`)}`.trimEnd()
  }
  const list = (row: readonly string[]) => [
    row[0] ?? '',
    ...titles.flatMap((title, index) => item(title, row[index + 1])),
  ]
  return rows.flatMap(list).join('\n')
}

/** Text in columns of a terminal, filled with spaces. */
export function aligned(text: string, width: number, align: Column['align'] = 'left'): string {
  const room = ' '.repeat(Math.max(0, width - stringWidth(text)))
  return align === 'left' ? text + room : room + text
}

function widest(texts: readonly string[]): number {
  return texts.reduce((most, text) => Math.max(most, stringWidth(text)), 0)
}
