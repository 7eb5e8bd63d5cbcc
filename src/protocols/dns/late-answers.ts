import { unref } from '../../runtime/timers.js'
import type { PacketSocket } from '../../sockets/packet-socket.js'

/** Recursive servers may give up after ten seconds, and then send an answer. */
const lingerTime = 10_000
const capacity = 256

/** The oldest comes first. */
const lingering = new Map<PacketSocket, NodeJS.Timeout>()

/**
 * Keeps the port of a question open while its answer may still come. For a closed port, Linux would reject the answer with
 * an ICMP error, which takes the default route whatever device the socket was bound to. Doesn't keep the process alive.
 */
export function linger(socket: PacketSocket): void {
  if (lingering.has(socket)) return
  if (lingering.size >= capacity) endLinger(lingering.keys().next().value!)
  lingering.set(socket, unref(setTimeout(endLinger, lingerTime, socket)))
}

/** Call it when the answer has arrived, or none can come any more. */
export function endLinger(socket: PacketSocket): void {
  clearTimeout(lingering.get(socket))
  lingering.delete(socket)
  socket.close()
}
