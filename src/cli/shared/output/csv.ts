/**
 * One line of comma-separated values (RFC 4180). Unknown values are empty. A text that a spreadsheet would take for a formula gets
 * an apostrophe before it.
 */
export function csvLine(values: readonly (string | number | boolean | null | undefined)[]): string {
  return values.map(value => field(typeof value === 'string' ? withoutFormula(value) : String(value ?? ''))).join(',')
}

function withoutFormula(text: string): string {
  const isFormula = /^[=+@\t\r-]./s.test(text) && Number.isNaN(Number(text))
  return isFormula ? `'${text}` : text
}

function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
