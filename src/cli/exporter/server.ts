import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Cancel } from '../../runtime/cancel.js'
import type { Access } from '../monitor/web/access.js'
import { boundedServer } from '../monitor/web/bounded-server.js'
import { contentType } from './metrics.js'
import type { OwnMetrics } from './own-metrics.js'
import { Refused, type Scrape, UnknownModule } from './scrape.js'

export interface Exporter {
  metrics: OwnMetrics
  probe(scrape: Omit<Scrape, 'timeoutOffset' | 'userAgent'>): Promise<string>
  /** Throws the mistakes of the file. */
  reload(): void
}

/** Maximum concurrent scrapes, more than any Prometheus makes of one exporter. */
const maxConnections = 1000

/** Serves the endpoints of blackbox_exporter that programs use. */
export function makeServer(exporter: Exporter, access: Access): Server {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<unknown> => {
    response.setHeader('x-content-type-options', 'nosniff')
    const url = parsed(request.url!)
    // A health check needs no token, because it reveals nothing else.
    if (url?.pathname === '/-/healthy') return response.end('Healthy')
    if (access.refuse(request, response)) return
    if (url?.pathname === '/-/reload') return reload(exporter, request, response)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return response.writeHead(405, { allow: 'GET, HEAD' }).end()
    }
    if (url?.pathname === '/metrics') return plain(response, 200, await exporter.metrics.text())
    if (url?.pathname === '/probe') return probe(exporter, url, request, response)
    return response.writeHead(404).end()
  }
  return boundedServer({ maxConnections, maxHeaderSize: 16_384 }, respond)
}

function parsed(url: string): URL | undefined {
  try {
    return new URL(url, 'http://netvia')
  } catch {
    return undefined
  }
}

function plain(response: ServerResponse, status: number, text: string): void {
  // Without the length, Node sends chunks, with a write for each.
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }).end(text)
}

function reload(exporter: Exporter, { method }: IncomingMessage, response: ServerResponse): void {
  if (method !== 'POST' && method !== 'PUT') {
    response.setHeader('allow', 'POST')
    plain(response, 405, 'This endpoint requires a POST request.\n')
    return
  }
  try {
    exporter.reload()
    response.end()
  } catch (error) {
    plain(response, 500, `failed to reload config: ${(error as Error).message}\n`)
  }
}

async function probe(exporter: Exporter, url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new Cancel()
  response.on('close', () => {
    if (!response.writableFinished) gone.abort(new Error('the scrape was given up'))
  })
  const timeoutHeader = request.headers['x-prometheus-scrape-timeout-seconds']?.toString()
  try {
    plain(response, 200, await exporter.probe({ parameters: url.searchParams, timeoutHeader, signal: gone }))
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    if (error instanceof UnknownModule) exporter.metrics.unknownModule()
    plain(response, error.status, `${error.message}\n`)
  }
}
