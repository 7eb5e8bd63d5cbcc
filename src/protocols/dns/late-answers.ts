import type { PacketSocket } from '../../sockets/packet-socket.js'

/** A recursive server may give up after ten seconds, and answers then. */
const lingerTime = 10_000
const capacity = 256

/** The oldest comes first. */
const lingering = new Map<PacketSocket, NodeJS.Timeout>()

/**
 * Keeps the port of a question open whose answer may still come: at a closed port Linux would reject it with an ICMP error, which takes the
 * default route whatever device the socket was bound to. The process may end meanwhile.
 */
export function linger(socket: PacketSocket): void {
  if (lingering.has(socket)) return
  if (lingering.size >= capacity) endLinger(lingering.keys().next().value!)
  lingering.set(socket, setTimeout(endLinger, lingerTime, socket).unref())
}

/** Once the answer is there, or nothing more will come. */
export function endLinger(socket: PacketSocket): void {
  clearTimeout(lingering.get(socket))
  lingering.delete(socket)
  socket.close()
}
