import { type PathOptions, pathKey } from '../../options.js'
import type { Try } from './exchange.js'
import { newQuery, type Query, type Response } from './message.js'
import { type DnsServer, formatDnsServer } from './server-address.js'
import { ServerSocket } from './server-socket.js'

/** The newest socket for each path and server. It is replaced when it takes no more queries. */
const sockets = new Map<string, ServerSocket>()
/** Beyond it, sockets are no longer found. They close with their last query all the same. */
const capacity = 256

/**
 * One query in one datagram. It waits until the signal of `attempt` fires. Queries that are open at the same time share a socket, those
 * of one server and one path.
 */
export function askOverUdp(attempt: Try): Promise<Response> {
  return new Promise((resolve, reject) => {
    const { signal, server, path } = attempt
    signal.throwIfAborted()
    const socket = socketFor(server, path)
    let query: Query
    do query = newQuery(attempt.name, attempt.type, attempt.edns)
    while (socket.has(query.id))
    const onAbort = () => {
      if (socket.giveUp(query.id)) reject(signal.reason)
    }
    let isReported = false
    signal.addEventListener('abort', onAbort)
    socket.ask({
      query,
      answered(response) {
        signal.removeEventListener('abort', onAbort)
        resolve(response)
      },
      failed(error) {
        signal.removeEventListener('abort', onAbort)
        reject(error)
      },
      unreachable(error) {
        if (!isReported) attempt.onUnreachable(error)
        isReported = true
      },
    })
  })
}

function socketFor(server: DnsServer, path: PathOptions): ServerSocket {
  const key = `${pathKey(path)}|${formatDnsServer(server)}`
  const known = sockets.get(key)
  if (known?.isUsable) return known
  const made = new ServerSocket(server, path)
  sockets.delete(key)
  if (sockets.size >= capacity) sockets.delete(sockets.keys().next().value!)
  sockets.set(key, made)
  return made
}
