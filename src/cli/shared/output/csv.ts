/** One line of comma-separated values (RFC 4180). Unknown values are empty. */
export function csvLine(values: readonly (string | number | boolean | null | undefined)[]): string {
  return values.map(value => field(String(value ?? ''))).join(',')
}

function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
