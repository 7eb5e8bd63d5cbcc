import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Registry } from 'prom-client'
import type { Access } from '../monitor/web/access.js'

/** As many scrapes at a time as anybody needs. */
const maxConnections = 50

/** Serves `/metrics` alone. Each scrape renders the text again. */
export function metricsServer(text: () => Promise<string>, access: Access): Server {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<unknown> => {
    response.setHeader('x-content-type-options', 'nosniff')
    if (access.refuse(request, response)) return
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return response.writeHead(405, { allow: 'GET, HEAD' }).end()
    if (request.url !== '/metrics') return response.writeHead(404).end()
    return response.writeHead(200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE }).end(await text())
  }
  const server = createServer({ maxHeaderSize: 8192 }, (request, response) => {
    respond(request, response).catch(() => response.destroy())
  })
  server.maxConnections = maxConnections
  return server
}
