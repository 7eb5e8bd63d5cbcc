import type { IncomingMessage } from 'node:http'
import { setImmediate } from '../runtime/timers.js'

/** Pieces up to this many bytes are small, and joined up to this length. */
const joinedLength = 4096
/** So many small pieces of one turn are passed on as they come. */
const passedAlone = 16

/**
 * Joins the small pieces of a body if many come. One read of the connection may bring thousands of one byte, each of which takes a
 * kilobyte while it waits, and streams count bytes alone. To be called in the event that brings the message, before its body.
 */
export function joinPieces(body: IncomingMessage): IncomingMessage {
  const push = body.push.bind(body)
  let small = 0
  let joined: Buffer | undefined
  let length = 0
  const pass = () => {
    if (joined) push(joined.subarray(0, length))
    joined = undefined
    length = 0
  }
  const endTurn = () => {
    pass()
    small = 0
  }
  body.push = (piece: Buffer | null) => {
    if (piece === null || piece.length + length > joinedLength) pass()
    if (piece === null || piece.length > joinedLength) return push(piece)
    if (++small === 1) setImmediate(endTurn)
    if (small <= passedAlone) return push(piece)
    joined ??= Buffer.allocUnsafe(joinedLength)
    length += piece.copy(joined, length)
    // Ends the reading until the body is asked for more.
    return false
  }
  return body
}
