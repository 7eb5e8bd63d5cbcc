import type { Socket } from 'node:net'

/**
 * Keeps the process alive if the connection breaks before the caller has a listener. A promise may have brought the socket while the
 * caller still waits for something else, such as another connection.
 */
export function outlivingErrors<T extends Socket>(socket: T): T {
  return socket.on('error', ignore)
}

function ignore(): void {}
