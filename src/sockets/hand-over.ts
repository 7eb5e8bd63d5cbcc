import type { Socket } from 'node:net'
import { addon } from '../binding/addon.js'
import { nodeNet } from '../builtins.js'
import { verifyDevice } from './open.js'

/**
 * Gives a connected descriptor to a `net.Socket`, which owns it from then on, and makes sure that what the socket holds is
 * bound to the device. On any failure the descriptor is closed.
 */
export function handOver(fd: number, device?: string): Socket {
  let socket: Socket
  try {
    socket = new (nodeNet().Socket)({ fd, readable: true, writable: true })
  } catch (error) {
    addon().close(fd)
    throw error
  }
  addon().detach(fd)
  try {
    if (device !== undefined) verifyDevice(descriptorOf(socket), device)
  } catch (error) {
    socket.destroy()
    throw error
  }
  return socket
}

/** The descriptor of a socket of Node's, ours or anyone's; -1 once it is closed. */
export function descriptorOf(socket: object): number {
  return (socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1
}
