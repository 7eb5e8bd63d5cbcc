import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { UplinkMonitor } from '../../../monitor/monitor.js'
import type { Access } from './access.js'
import type { EventStreams } from './event-streams.js'
import { type History, ranges } from './history.js'
import type { Metrics } from './metrics.js'
import type { Page } from './page.js'

/** What there is to tell. */
export interface Sources {
  monitor: UplinkMonitor
  history: History
  metrics: Metrics
  streams: EventStreams
  healthy(): boolean
}

/** More than any number of people who look at once. */
const maxConnections = 200
/** In ms. A request is a few hundred bytes: who takes longer for it holds a place for nothing. */
const requestTimeout = 5000
/** In ms, without a byte taken or sent: a stream of events says something more often, and who reads nothing of it is gone. */
const idleTimeout = 60_000

const always = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
}

type Answer = (response: ServerResponse, url: URL, request: IncomingMessage) => void | Promise<void>

/** The page, and what it and programs ask for. Only reads; nothing can be changed from here. */
export function makeServer({ monitor, history, metrics, streams, healthy }: Sources, access: Access, page: Page) {
  const json = (response: ServerResponse, value: unknown, status = 200) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  }
  const answers = new Map<string, Answer>([
    [
      '/',
      (response, _url, request) => {
        const gzip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
        response
          .writeHead(200, {
            'content-type': 'text/html; charset=utf-8',
            'content-security-policy': page.policy,
            vary: 'accept-encoding',
            ...(gzip && { 'content-encoding': 'gzip' }),
          })
          .end(gzip ? page.gzipped : page.html)
      },
    ],
    ['/api/snapshot', response => json(response, monitor.snapshot())],
    [
      '/api/history',
      (response, url) => {
        const range = rangeOf(url)
        if (range) json(response, history.report(range))
        else json(response, wrongRange, 400)
      },
    ],
    [
      '/api/events',
      (response, url, request) => {
        const range = url.searchParams.has('range') ? rangeOf(url) : undefined
        if (url.searchParams.has('range') && !range) return json(response, wrongRange, 400)
        if (request.method === 'HEAD') return void response.end()
        const after = request.headers['last-event-id'] ?? url.searchParams.get('after')
        streams.open(response, after == null ? undefined : Number(after), range)
      },
    ],
    [
      '/metrics',
      async response => {
        const text = await metrics.text()
        response.writeHead(200, { 'content-type': metrics.contentType }).end(text)
      },
    ],
  ])
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<unknown> => {
    for (const [name, value] of Object.entries(always)) response.setHeader(name, value)
    const url = URL.canParse(request.url!, base) ? new URL(request.url!, base) : undefined
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return response.writeHead(405, { allow: 'GET, HEAD' }).end()
    }
    // Who only asks whether we are alive learns nothing else, and needs no token.
    if (url?.pathname === '/healthz') {
      const well = healthy()
      return json(response, { status: well ? 'ok' : 'stalled' }, well ? 200 : 503)
    }
    const refusal = access.refusal(request)
    if (refusal === 401) response.setHeader('www-authenticate', 'Basic realm="netvia", charset="UTF-8"')
    if (refusal) return response.writeHead(refusal, { connection: 'close' }).end()
    const answer = url && answers.get(url.pathname)
    return answer ? answer(response, url, request) : response.writeHead(404).end()
  }
  const limits = {
    maxHeaderSize: 8192,
    headersTimeout: requestTimeout,
    requestTimeout,
    connectionsCheckingInterval: 1000,
  }
  const server = createServer(limits, (request, response) => {
    // Whatever somebody asks, the monitor goes on.
    respond(request, response).catch(() => response.destroy())
  })
  server.maxConnections = maxConnections
  server.setTimeout(idleTimeout)
  return server
}

const base = 'http://netvia'
const wrongRange = { error: `range must be one of ${ranges.map(({ seconds }) => seconds).join(', ')}` }

function rangeOf({ searchParams }: URL) {
  const seconds = Number(searchParams.get('range') ?? ranges[0].seconds)
  return ranges.find(range => range.seconds === seconds)
}
