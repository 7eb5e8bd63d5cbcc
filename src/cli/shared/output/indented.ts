import wrapAnsi from 'wrap-ansi'

/** The lines of a text that fits in `columns` beside a margin: every line but the first begins with it. */
export function indented(text: string, margin: number, columns: number): string[] {
  if (columns === Number.POSITIVE_INFINITY) return [text]
  const [first, ...rest] = wrapAnsi(text, Math.max(columns - margin, 20)).split('\n')
  return [first!, ...rest.map(line => ' '.repeat(margin) + line)]
}
