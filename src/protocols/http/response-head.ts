import type { HttpAnswer } from './question.js'

/** A response header, and the size of what follows it. */
export interface ResponseHead extends Omit<HttpAnswer, 'body'> {
  /** Bytes of the header, with the empty line. */
  readonly length: number
  /** Bytes of the body. */
  readonly bodyLength: number
}

/** Bytes: half of what Node's parser takes by default, in which not every byte counts. */
const longest = 8192

const statusLine = /HTTP\/(1\.[01]) ([2-9]\d\d) [\t\x20-\x7e\x80-\xff]*\r\n/y
const fieldLine = /([\w!#$%&'*+.^`|~-]+):[\t ]*(|[!-~\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[!-~\x80-\xff])?) *\r\n/y

/**
 * Reads a response header (RFC 9112) where there can't be two opinions about it: whole, well-formed, with the length of its
 * body. Returns undefined for everything else, which Node's parser must judge.
 */
export function readPlainHead(bytes: Buffer, method: string): ResponseHead | undefined {
  const text = bytes.toString('latin1', 0, longest)
  statusLine.lastIndex = 0
  const status = statusLine.exec(text)
  if (!status) return undefined
  const fields: Record<string, string[]> = Object.create(null)
  let at = statusLine.lastIndex
  while (text.charCodeAt(at) !== 13) {
    fieldLine.lastIndex = at
    const field = fieldLine.exec(text)
    if (!field) return undefined
    at = fieldLine.lastIndex
    const name = field[1]!.toLowerCase()
    const known = fields[name]
    if (known) known.push(field[2]!)
    else fields[name] = [field[2]!]
  }
  const length = at + 2
  if (text.charCodeAt(at + 1) !== 10) return undefined
  const statusCode = Number(status[2])
  const bodyLength = bodyLengthOf(fields, statusCode, method)
  return bodyLength === undefined ? undefined : answerOf(status[1]!, statusCode, fields, length, bodyLength)
}

/** Undefined where the length is not given, or in a doubtful way. */
function bodyLengthOf(fields: HttpAnswer['headersDistinct'], status: number, method: string): number | undefined {
  if (fields['transfer-encoding'] || fields.upgrade) return undefined
  const given = fields['content-length']
  if (given && (given.length > 1 || !/^\d{1,15}$/.test(given[0]!))) return undefined
  return method === 'HEAD' || status === 204 || status === 304 ? 0 : given && Number(given[0])
}

function answerOf(
  httpVersion: string,
  statusCode: number,
  headersDistinct: HttpAnswer['headersDistinct'],
  length: number,
  bodyLength: number,
): ResponseHead {
  const headers = {
    location: headersDistinct.location?.[0],
    'content-encoding': headersDistinct['content-encoding']?.join(', '),
    'content-type': headersDistinct['content-type']?.[0],
  }
  return { statusCode, httpVersion, headers, headersDistinct, length, bodyLength }
}
