import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { turnDue } from '../runtime/turns.js'

/**
 * Node stops reading when this many bytes of a message wait, and each may be a piece of its own that takes a kilobyte. It reads 64 KB
 * at a time, so fewer bytes slow down no other message.
 */
const mostWaiting = 1024

/** For a connection whose messages may come in pieces of one byte. */
export function keepingFewPieces(socket: Socket): Socket {
  return Object.defineProperty(socket, 'readableHighWaterMark', { value: mostWaiting })
}

/**
 * The pieces that wait, joined. A pipe would pass them on one by one, and only their bytes count in the queue of the other side. In Node 26
 * iterating and reading do the same. One read of the connection brings thousands, so no connection may have all the reads of a turn.
 */
export async function* joined(body: IncomingMessage): AsyncGenerator<Buffer> {
  for await (const piece of body) {
    const pieces: Buffer[] = [piece]
    for (let next = body.read(); next; next = body.read()) pieces.push(next)
    yield pieces.length > 1 ? Buffer.concat(pieces) : piece
    await turnDue()
  }
}
