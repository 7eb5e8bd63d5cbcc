import { aborted, type HttpAnswer } from './question.js'
import { readPlainHead } from './response-head.js'

/** Resolves with the bytes that come next, which are the caller's to keep; empty at the end. */
export type Read = () => Promise<Uint8Array>

/**
 * The answer whose beginning was received, and whose body `read` gets as it is wanted. Undefined for an answer that Node's
 * parser must judge.
 */
export function plainAnswer(received: Buffer, method: string, read: Read): HttpAnswer | undefined {
  const head = readPlainHead(received, method)
  if (!head) return undefined
  const { statusCode, httpVersion, headers, headersDistinct, length, bodyLength } = head
  const first = received.subarray(length, length + bodyLength)
  const body = first.length < bodyLength ? chunks(first, bodyLength, read) : [first]
  return { statusCode, httpVersion, headers, headersDistinct, body }
}

async function* chunks(first: Uint8Array, length: number, read: Read): AsyncGenerator<Uint8Array> {
  yield first
  for (let left = length - first.length; left > 0; ) {
    const received = await read()
    if (received.length === 0) throw aborted()
    const chunk = received.subarray(0, left)
    left -= chunk.length
    yield chunk
  }
}
