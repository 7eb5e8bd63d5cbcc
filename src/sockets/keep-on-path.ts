import type { Server, Socket } from 'node:net'
import { offPath } from './off-path.js'

const reconnectHint =
  'the socket is connected already: use it as it is, and for another connection call connect() of netvia again (docs/http.md)'
const relistenHint = 'call listen() of netvia again'

/** Node would connect it again without the path: over the default route, and with a look-up of its own. */
export function refuseReconnect<T extends Socket>(socket: T, device?: string): T {
  const connect = () => {
    throw offPath('socket.connect() would leave the path of the socket', reconnectHint, device)
  }
  return Object.assign(socket, { connect })
}

/** Node would listen on all devices. */
export function refuseRelisten(server: Server, device?: string): void {
  const listen = () => {
    throw offPath('server.listen() would leave the path of the server', relistenHint, device)
  }
  Object.assign(server, { listen })
}
