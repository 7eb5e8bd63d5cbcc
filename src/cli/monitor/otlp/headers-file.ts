import { validateHeaderName, validateHeaderValue } from 'node:http'
import { NetviaError } from '../../../errors.js'
import { readNamedText } from '../../shared/named-file.js'

/**
 * Reads headers from a file, one `Name: value` a line. Empty lines and those that begin with # are skipped.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` with the number of a malformed line; the error of a file that can't be read.
 */
export function readHeaders(file: string): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [index, line] of readNamedText(file).split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, name, value] = /^([^:\s]+):\s*(.*?)\s*$/.exec(line) ?? []
    try {
      validateHeaderName(name!)
      validateHeaderValue(name!, value as string)
    } catch {
      // The message omits the line, which may be secret.
      const message = `${file}:${index + 1}: this is no header, such as "Authorization: Bearer …"`
      throw new NetviaError(message, { code: 'ERR_INVALID_ARG_VALUE' })
    }
    headers[name!] = value!
  }
  return headers
}
