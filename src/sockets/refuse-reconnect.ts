import type { Server, Socket } from 'node:net'
import { offPath } from './off-path.js'

const reconnectHint =
  'the socket is connected already: use it as it is, and for another connection call connect() of netvia again (docs/http.md)'
const relistenHint = 'call listen() of netvia again'

/** By device, so that the connections of a server share one. */
const refusals = new Map<string | undefined, () => never>()

/** Refuses a second connect: Node would use the default route and its own name resolution. */
export function refuseReconnect<T extends Socket>(socket: T, device?: string): T {
  const connect = refusals.get(device) ?? refusalOn(device)
  refusals.set(device, connect)
  socket.connect = connect
  return socket
}

const refusalOn = (device: string | undefined) => () => {
  throw offPath('socket.connect() would leave the path of the socket', reconnectHint, device)
}

/** Refuses a second listen: Node would listen on all devices. */
export function refuseRelisten(server: Server, device?: string): void {
  const listen = () => {
    throw offPath('server.listen() would leave the path of the server', relistenHint, device)
  }
  Object.assign(server, { listen })
}
