import wrapAnsi from 'wrap-ansi'

/** Text that fits in `columns` beside a margin: every line but the first begins with it. */
export function indented(text: string, margin: number, columns: number): string {
  if (columns === Number.POSITIVE_INFINITY) return text
  return wrapAnsi(text, Math.max(columns - margin, 20)).replaceAll('\n', `\n${' '.repeat(margin)}`)
}
