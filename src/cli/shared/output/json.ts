import { escapeJson } from './escape.js'

/** Version of the objects that `--json` prints; raised when a field changes its meaning or goes away. `netvia schema` has them all. */
export const schemaVersion = 1

/** One line. What is unknown is left out; errors become their fields, dates ISO 8601, bytes base64. */
export function jsonLine(command: string, event: string, fields: object): string {
  return escapeJson(JSON.stringify({ schema: schemaVersion, command, event, ...fields }, plain))
}

function plain(this: Record<string, unknown>, key: string, value: unknown): unknown {
  // By now a Buffer's own toJSON has made a list of numbers of it.
  const original = this[key]
  if (Buffer.isBuffer(original)) return original.toString('base64')
  if (value instanceof Error) return { ...value, message: value.message }
  return value
}
