import { escapeJson } from './escape.js'

/** Version of the objects that `--json` prints; raised when a field changes its meaning or disappears. `netvia schema` prints them all. */
export const schemaVersion = 1

/** One object as one line. Unknown values are left out. Errors become their fields, dates ISO 8601, bytes base64. */
export function jsonLine(command: string, event: string, fields: object): string {
  return escapeJson(JSON.stringify({ schema: schemaVersion, command, event, ...fields }, plain))
}

function plain(this: Record<string, unknown>, key: string, value: unknown): unknown {
  // A Buffer's own toJSON has already turned it into a list of numbers.
  const original = this[key]
  if (Buffer.isBuffer(original)) return original.toString('base64')
  if (value instanceof Error) return { ...value, message: value.message }
  return value
}
