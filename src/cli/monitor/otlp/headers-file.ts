import { readFileSync } from 'node:fs'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { NetviaError } from '../../../errors.js'

/**
 * The headers in a file: `Name: value` a line. Lines that are empty or begin with # are skipped.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` with the line that is none; the error of a file that can't be read.
 */
export function readHeaders(file: string): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [index, line] of readFileSync(file, 'utf8').split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, name, value] = /^([^:\s]+):\s*(.*?)\s*$/.exec(line) ?? []
    try {
      validateHeaderName(name!)
      validateHeaderValue(name!, value as string)
    } catch {
      // The line may be secret.
      const message = `${file}:${index + 1}: this is no header, such as "Authorization: Bearer …"`
      throw new NetviaError(message, { code: 'ERR_INVALID_ARG_VALUE' })
    }
    headers[name!] = value!
  }
  return headers
}
