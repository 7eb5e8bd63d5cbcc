import { stripVTControlCharacters } from 'node:util'
import CliTable from 'cli-table3'

export interface Column {
  title: string
  align?: 'left' | 'right'
  /** Left out first where the terminal is too narrow for all. */
  spare?: boolean
}

const noBorders = Object.fromEntries(
  [
    ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
    ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
  ].map(name => [name, name === 'middle' ? '  ' : '']),
)

/**
 * Columns without rules, as `ip` and `ps` write them. Where `width` is too small, spare columns go, the last one first; where that
 * is not enough, each row becomes a list of its own.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): string {
  const shown = columns.map((_, index) => index)
  for (;;) {
    const text = grid(
      shown.map(index => columns[index]!),
      rows.map(row => shown.map(index => row[index] ?? '')),
    )
    if (Math.max(...text.split('\n').map(visibleLength)) <= width) return text
    const spare = shown.findLastIndex(index => columns[index]!.spare)
    if (spare < 0) return lists(columns, rows)
    shown.splice(spare, 1)
  }
}

function grid(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const text = new CliTable({
    head: columns.map(({ title }) => title),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  })
  for (const row of rows) text.push([...row])
  return text.toString().replaceAll(/ +$/gm, '')
}

function lists(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const titles = columns.slice(1).map(({ title }) => title)
  const width = Math.max(...titles.map(visibleLength))
  const margin = ' '.repeat(width + 4)
  const item = (title: string, cell = '') => {
    if (cell === '') return []
    const gap = ' '.repeat(width - visibleLength(title))
    return `  ${title}${gap}  ${cell.replaceAll('\n', `\n${margin}`)}`.trimEnd()
  }
  const list = (row: readonly string[]) => [
    row[0] ?? '',
    ...titles.flatMap((title, index) => item(title, row[index + 1])),
  ]
  return rows.flatMap(list).join('\n')
}

function visibleLength(line: string): number {
  return stripVTControlCharacters(line).length
}
