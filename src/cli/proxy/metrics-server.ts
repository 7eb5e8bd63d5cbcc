import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Registry } from 'prom-client'
import type { Access } from '../monitor/web/access.js'
import { boundedServer } from '../monitor/web/bounded-server.js'

/** More concurrent scrapes than anybody needs. */
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
  return boundedServer({ maxConnections, maxHeaderSize: 8192 }, respond)
}
