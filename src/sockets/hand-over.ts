import type { Socket } from 'node:net'
import { addon } from '../binding/addon.js'
import { nodeNet } from '../builtins.js'
import { NetviaError } from '../errors.js'
import { verifyDevice } from './open.js'
import { refuseReconnect } from './refuse-reconnect.js'
import { reportResets } from './report-resets.js'

/** Descriptors of sockets made here, for runtimes (Deno) that hide the number. */
const handedOver = new WeakMap<object, number>()

/**
 * Passes the descriptor to one of Node's objects through `take`. If `take` throws, netvia still owns it. The code allows for a
 * worker that is terminated at any point.
 */
export function giveAway<T>(fd: number, take: () => T): T {
  addon().lend(fd)
  let taker: T
  try {
    taker = take()
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_ACCESS_DENIED' ? deniedByNode(error) : error
  }
  addon().detach(fd)
  return taker
}

/** Node refuses servers and UDP sockets, and not the connections that netvia makes. */
function deniedByNode(cause: unknown): NetviaError {
  const hint = 'start Node with --allow-net if it has --permission'
  return new NetviaError(`Node's permission model refuses servers and UDP sockets; ${hint}`, {
    ...{ code: 'ERR_ACCESS_DENIED', hint, cause },
  })
}

/**
 * Passes a connected descriptor to a `net.Socket`, and verifies that the socket is bound to the device. Closes the descriptor
 * on any failure.
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
  return refuseReconnect(reportResets(socket), device)
}

/** Node sets these itself. If they are there already, Node 20 makes no hidden classes for each socket. */
const nodesOwn = { allowHalfOpen: false, emitClose: false, autoDestroy: true, decodeStrings: false }

function adopt(fd: number): Socket {
  const { Socket } = nodeNet()
  // Bun ignores the descriptor in the constructor's options, but accepts it in its own connect.
  if (process.versions.bun) return new Socket().connect({ fd } as never)
  return new Socket(Object.assign({ fd, readable: true, writable: true }, nodesOwn))
}

/** The descriptor of any Node socket; -1 once it is closed, or where the runtime hides it. */
export function descriptorOf(socket: object): number {
  const known = socket as { readonly _handle?: { fd?: number } | null; readonly destroyed?: boolean }
  return known._handle?.fd ?? (known.destroyed ? -1 : (handedOver.get(socket) ?? -1))
}
