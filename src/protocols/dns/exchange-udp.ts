import { type PathOptions, pathKey } from '../../options.js'
import type { Try } from './exchange.js'
import { newQuery, type Query, type Response } from './message.js'
import { type DnsServer, formatDnsServer } from './server-address.js'
import { ServerSocket } from './server-socket.js'

/** The newest socket for each path and server. It is replaced when it takes no more queries. */
const sockets = new Map<string, ServerSocket>()
/** Maximum sockets to remember. Others are not found again, but still close with their last query. */
const capacity = 256

/**
 * Sends one query in one datagram, and waits until the signal of `attempt` fires. Concurrent queries to one server over one
 * path share a socket.
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
