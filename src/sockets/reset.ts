import type { Socket } from 'node:net'
import { descriptorOf } from './hand-over.js'
import { trySetOption } from './options.js'

/** A `struct linger` of SO_LINGER (socket(7)): close(2) sends a reset. */
export const resetOnClose = new Uint8Array(Int32Array.of(1, 0).buffer)

/**
 * Closes a TCP connection immediately with a reset, so that a cut transfer doesn't look complete. Node's own `resetAndDestroy()` first
 * sends what waits and an end. It waits for a peer that doesn't read, and while an end is under way libuv refuses to reset: the socket is
 * never closed then.
 */
export function resetSocket(socket: Socket): void {
  if (trySetOption(descriptorOf(socket), 'SO_LINGER', resetOnClose) === 0) socket.destroy()
  else socket.resetAndDestroy()
}
