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
 * Iterating joins the pieces that wait. A pipe would pass them on one by one, and only their bytes count in the queue of the other side.
 * One read brings thousands of them, so no connection may have all the reads of a turn.
 */
export async function* joined(body: IncomingMessage): AsyncGenerator<Buffer> {
  for await (const pieces of body) {
    yield pieces
    await turnDue()
  }
}
