import type { Socket } from 'node:net'
import { addon } from '../binding/addon.js'
import { nodeNet } from '../builtins.js'
import { refuseReconnect } from './keep-on-path.js'
import { verifyDevice } from './open.js'

/** Of sockets made here whose runtime (Deno) keeps the number to itself. */
const handedOver = new WeakMap<object, number>()

/**
 * `take` gives the descriptor to one of Node's objects, which owns it from then on. If it throws, it is still ours. A worker may be
 * terminated at any point of it.
 */
export function giveAway<T>(fd: number, take: () => T): T {
  addon().lend(fd)
  const taker = take()
  addon().detach(fd)
  return taker
}

/**
 * Gives a connected descriptor to a `net.Socket`, which owns it from then on, and makes sure that what the socket holds is
 * bound to the device. On any failure the descriptor is closed.
 */
export function handOver(fd: number, device?: string): Socket {
  let socket: Socket
  try {
    socket = giveAway(fd, () => adopt(fd))
  } catch (error) {
    addon().close(fd)
    throw error
  }
  if (descriptorOf(socket) === -1) handedOver.set(socket, fd)
  try {
    if (device !== undefined) verifyDevice(descriptorOf(socket), device)
  } catch (error) {
    socket.destroy()
    throw error
  }
  return refuseReconnect(socket, device)
}

function adopt(fd: number): Socket {
  const { Socket } = nodeNet()
  // Bun ignores the descriptor of the constructor's options, but takes that of its own connect.
  if (process.versions.bun) return new Socket().connect({ fd } as never)
  return new Socket({ fd, readable: true, writable: true })
}

/** The descriptor of a socket of Node's, ours or anyone's; -1 once it is closed, or where the runtime does not tell. */
export function descriptorOf(socket: object): number {
  const { _handle, destroyed } = socket as { _handle?: { fd?: number } | null; destroyed?: boolean }
  return _handle?.fd ?? (destroyed ? -1 : (handedOver.get(socket) ?? -1))
}
