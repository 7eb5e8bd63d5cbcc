/** Prints rows under a heading. Columns are as wide as their widest cell, and numbers are right-aligned. */
export function printTable(heading, rows) {
  const cells = [heading, ...rows].map(row => row.map(String))
  const widths = heading.map((_, column) => Math.max(...cells.map(row => row[column].length)))
  const line = (row, at) =>
    row
      .map((cell, column) =>
        at > 0 && typeof rows[at - 1][column] === 'number'
          ? cell.padStart(widths[column])
          : cell.padEnd(widths[column]),
      )
      .join('  ')
      .trimEnd()
  const [first, ...rest] = cells.map(line)
  console.log([first, widths.map(width => '-'.repeat(width)).join('  '), ...rest].map(text => `  ${text}`).join('\n'))
}
