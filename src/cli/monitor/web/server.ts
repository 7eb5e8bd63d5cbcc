import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Access } from './access.js'
import { boundedServer } from './bounded-server.js'
import type { EventStreams } from './event-streams.js'
import type { Histories } from './history-answers.js'
import type { Metrics } from './metrics.js'
import type { Page } from './page.js'
import type { PageSnapshots } from './page-snapshot.js'
import { TtlCache } from './ttl-cache.js'

/** What it serves. */
export interface Sources {
  snapshots: PageSnapshots
  histories: Histories
  metrics: Metrics
  streams: EventStreams
  healthy(): boolean
}

/** More clients than there will ever be at the same time. */
const maxConnections = 200
/** In ms. Metrics of many uplinks take long to make. A snapshot has to be current. */
const lifetime = { metrics: 1000, snapshot: 100 }

const always = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
}

type Answer = (response: ServerResponse, url: URL, request: IncomingMessage) => void | Promise<void>

/** Serves the page, JSON and metrics. All of it is read-only. */
export function makeServer({ snapshots, histories, metrics, streams, healthy }: Sources, access: Access, page: Page) {
  const snapshot = new TtlCache(lifetime.snapshot, () => rendered(snapshots.make()))
  const texts = new TtlCache(lifetime.metrics, async () => Buffer.from(await metrics.text()))
  const json = (response: ServerResponse, value: Buffer, status = 200) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(value)
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
    ['/api/snapshot', response => json(response, snapshot.get())],
    [
      '/api/history',
      async (response, url) => {
        const { status, value } = await histories.answer(url.searchParams)
        json(response, value, status)
      },
    ],
    [
      '/api/events',
      (response, url, request) => {
        if (request.method === 'HEAD') return void response.end()
        const after = request.headers['last-event-id'] ?? url.searchParams.get('after')
        streams.open(response, after == null ? undefined : Number(after), url.searchParams.has('snapshots'))
      },
    ],
    [
      '/metrics',
      async response => {
        const text = await texts.get()
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
    // A health check needs no token, because it reveals nothing else.
    if (url?.pathname === '/healthz') {
      const well = healthy()
      return json(response, rendered({ status: well ? 'ok' : 'stalled' }), well ? 200 : 503)
    }
    if (access.refuse(request, response, whyRefused)) return
    const answer = url && answers.get(url.pathname)
    return answer ? answer(response, url, request) : response.writeHead(404).end()
  }
  return boundedServer({ maxConnections, maxHeaderSize: 8192 }, respond)
}

const base = 'http://netvia'

const whyRefused = {
  401: 'A token is needed: as the password, with any user name, or as "Authorization: Bearer <token>".\n',
  403:
    'Without a token, only requests for this machine by its own names are answered, such as Host: 127.0.0.1. ' +
    'Start the monitor with --token-file, or let the proxy send another Host.\n',
}

export function rendered(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
