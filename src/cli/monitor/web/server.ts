import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Access } from './access.js'
import { Cached } from './cached.js'
import type { EventStreams } from './event-streams.js'
import type { Histories } from './histories.js'
import type { Metrics } from './metrics.js'
import { OneRequest } from './one-request.js'
import type { Page } from './page.js'
import type { PageSnapshots } from './page-snapshot.js'
import { Turns } from './turns.js'

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
/** In ms. Metrics of many uplinks take long to make; a snapshot has to be of now. */
const lifetime = { metrics: 1000, snapshot: 100 }

const always = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
}

type Answer = (response: ServerResponse, url: URL, request: IncomingMessage) => void | Promise<void>

/** The page, and what it and programs ask for. Only reads; nothing can be changed from here. */
export function makeServer({ snapshots, histories, metrics, streams, healthy }: Sources, access: Access, page: Page) {
  const snapshot = new Cached(lifetime.snapshot, () => rendered(snapshots.make()))
  const texts = new Cached(lifetime.metrics, async () => Buffer.from(await metrics.text()))
  const turns = new Turns()
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
    // Who only asks whether we are alive learns nothing else, and needs no token.
    if (url?.pathname === '/healthz') {
      const well = healthy()
      return json(response, rendered({ status: well ? 'ok' : 'stalled' }), well ? 200 : 503)
    }
    if (access.refuse(request, response, whyRefused)) return
    const answer = url && answers.get(url.pathname)
    return answer ? answer(response, url, request) : response.writeHead(404).end()
  }
  const server = createServer({ maxHeaderSize: 8192 }, (request, response) => {
    response.once('close', () => (request.socket as unknown as OneRequest).next())
    turns.add(() => {
      // Whatever somebody asks, the monitor goes on.
      if (!response.destroyed) respond(request, response).catch(() => response.destroy())
    })
  })
  const [serveRequests] = server.listeners('connection') as [(connection: Duplex) => void]
  server.off('connection', serveRequests).on('connection', (socket: Socket) => {
    serveRequests.call(server, new OneRequest(socket))
  })
  server.maxConnections = maxConnections
  return server
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
