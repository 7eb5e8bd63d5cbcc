import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { OneRequest } from './one-request.js'
import { RequestQueue } from './request-queue.js'

interface Bounds {
  /** Maximum connections of all clients together. Further ones are closed. */
  maxConnections: number
  /** In bytes. */
  maxHeaderSize: number
}

/**
 * A server for requests without a body. Each connection has one request at a time, however many a client sends. It has five
 * seconds to send one. A request with a body is the last of its connection, because nobody reads that.
 */
export function boundedServer(
  { maxConnections, maxHeaderSize }: Bounds,
  respond: (request: IncomingMessage, response: ServerResponse) => Promise<unknown>,
): Server {
  const queue = new RequestQueue()
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const connection = request.socket as unknown as OneRequest
    connection.begin()
    if (hasBody(request)) response.shouldKeepAlive = false
    response.once('close', () => connection.next())
    queue.add(() => {
      // No request may end the process.
      if (!response.destroyed) respond(request, response).catch(() => response.destroy())
    })
  }
  const server = createServer({ maxHeaderSize }, onRequest)
  // An expectation may be ignored (RFC 9110 section 10.1.1). Node would answer by itself.
  server.on('checkExpectation', onRequest)
  const [serveRequests] = server.listeners('connection') as [(connection: Duplex) => void]
  server.off('connection', serveRequests).on('connection', (socket: Socket) => {
    serveRequests.call(server, new OneRequest(socket, maxHeaderSize))
  })
  server.maxConnections = maxConnections
  return server
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
