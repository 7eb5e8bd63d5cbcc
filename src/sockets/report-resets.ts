import type { Socket } from 'node:net'
import { constants } from 'node:os'
import type { TLSSocket } from 'node:tls'
import { systemError } from '../errors.js'
import { descriptorOf } from './hand-over.js'
import { getOption } from './options.js'

const { EPIPE } = constants.errno

/**
 * Makes a socket that is reset behind its last bytes fail after them, as in Go. libuv reports an end, and what was cut off would
 * look complete.
 */
export function reportResets<T extends Socket>(socket: T): T {
  const { push } = socket
  socket.push = (chunk, encoding) => {
    const error = chunk === null && !mayBeUnread(socket) ? errorOf(socket) : undefined
    if (error) failAtEnd(socket, error)
    return push.call(socket, chunk, encoding)
  }
  return socket
}

/**
 * Whether this end has said goodbye over TLS (close_notify, RFC 8446 section 6.1). A peer that closes without reading that sends a reset
 * behind its own goodbye, in place of an end.
 */
function mayBeUnread(socket: Socket): boolean {
  return socket.writableEnded && (socket as Partial<TLSSocket>).encrypted === true
}

/**
 * libuv leaves the error in the socket (SO_ERROR, socket(7)). EPIPE is that of a reset after an orderly end. If the kernel doesn't say,
 * nothing proves that the end is one.
 */
function errorOf(socket: Socket): Error | undefined {
  const fd = descriptorOf(socket)
  if (fd < 0) return undefined
  try {
    const errno = getOption(fd, 'SO_ERROR')
    return errno === 0 || errno === EPIPE ? undefined : systemError(-errno, 'read')
  } catch (error) {
    return error as Error
  }
}

/** Bytes that nobody has read yet come first. */
function failAtEnd(socket: Socket, error: Error): void {
  const emit = socket.emit as (event: string | symbol, ...args: unknown[]) => boolean
  socket.emit = (event: string | symbol, ...args: unknown[]) => {
    if (event !== 'end') return emit.call(socket, event, ...args)
    socket.destroy(error)
    return true
  }
}
