import { addon } from '../../binding/addon.js'
import { systemError } from '../../errors.js'
import { setOption } from '../../sockets/options.js'
import { PacketSocket } from '../../sockets/packet-socket.js'
import { pack } from '../netlink/bytes.js'
import { genericFamily, genericNetlink } from '../netlink/generic.js'
import { bindNetlink, messagesOf, netlinkPayload, openNetlink } from '../netlink/request.js'
import { decodeMultipathEvent, type PathEvent, pathManagerEvents, pathManagerFamily } from '../netlink/subflow.js'

/** Receives an event, or undefined if events were lost. */
type Callback = (event: PathEvent | undefined) => void

const callbacks = new Map<number, Callback>()
let socket: PacketSocket | undefined

/**
 * Calls back for every event of the connection with this token until you call the returned function. All connections of a
 * thread share one netlink socket, which doesn't keep the event loop alive.
 */
export function onMultipathEvent(token: number, callback: Callback): () => void {
  socket ??= start()
  callbacks.set(token, callback)
  return () => {
    callbacks.delete(token)
    if (callbacks.size > 0) return
    socket?.close()
    socket = undefined
  }
}

function start(): PacketSocket {
  const group = genericFamily(pathManagerFamily)?.groups.get(pathManagerEvents) ?? 0
  const fd = openNetlink(genericNetlink)
  try {
    // Without its own port id, a socket would get no messages from the kernel.
    const errno = bindNetlink(fd)
    if (errno < 0) throw systemError(errno, 'bind(AF_NETLINK)')
    setOption(fd, 'NETLINK_ADD_MEMBERSHIP', pack([4, group]))
  } catch (error) {
    addon().close(fd)
    throw error
  }
  return new PacketSocket(fd, { readable: drain }, netlinkPayload)
}

function drain(): void {
  const received: PathEvent[] = []
  for (;;) {
    const count = socket!.receive(packet => {
      for (const { payload } of messagesOf(packet)) {
        const event = decodeMultipathEvent(payload)
        if (event) received.push(event)
      }
    })
    if (count === -addon().constants.EAGAIN!) break
    if (count < 0) {
      for (const callback of [...callbacks.values()]) callback(undefined)
      break
    }
  }
  for (const event of received) callbacks.get(event.token)?.(event)
}
