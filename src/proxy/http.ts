import type { ClientRequest, IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { nodeHttp, nodeStream } from '../builtins.js'
import { NetviaError } from '../errors.js'
import { requestOn } from '../protocols/http/request-on.js'
import { resetSocket } from '../sockets/reset.js'
import { joinPieces } from './bodies.js'
import { SocketCarrier } from './carrier.js'
import type { Client } from './client.js'
import { toSocket } from './descriptor.js'
import { forwardsLeft, framingOf, parseAbsolute, parseAuthority, passedOn } from './http-messages.js'
import { clientOf } from './limits.js'
import type { ProxyContext } from './proxy-context.js'
import { readOn } from './read-on.js'
import { relay } from './relay.js'
import { track } from './uplinks.js'

/** Requests that one client may send before it has the answer to the first (RFC 9112 section 9.3.2). */
const maxPipelined = 64

/** Node reads headers in this. It would write one that goes ahead of its content in UTF-8. */
const headerEncoding = 'latin1'

const established = Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n')

const challenge = ['Proxy-Authenticate', 'Basic realm="netvia", charset="UTF-8"']

/** A client between its requests. */
interface Conversation {
  readonly client: Client
  /** The answers so far. */
  answered: Promise<void>
  waiting: number
}

/** Serves clients that speak HTTP: CONNECT, and requests with absolute URLs. Node's parser is strict, and bounds the header. */
export class HttpService {
  readonly #context: ProxyContext
  readonly #server: Server
  readonly #handshakeTimeout: number
  readonly #conversations = new WeakMap<Socket, Conversation>()

  constructor(context: ProxyContext, handshakeTimeout: number) {
    this.#context = context
    this.#handshakeTimeout = handshakeTimeout
    this.#server = nodeHttp().createServer({ keepAliveTimeout: handshakeTimeout })
    // A client may end its side after its request. The time limit is for one that doesn't read the rest of its answer.
    // As in `requestOn`, every field of a header counts.
    Object.assign(this.#server, { httpAllowHalfOpen: true, timeout: context.idleTimeout, maxHeadersCount: 0 })
    this.#server.on('timeout', socket => this.#onTimeout(socket))
    this.#server.on('request', (request, response) => this.#onRequest(request, response))
    // Node would promise in the name of the target that it takes the content.
    this.#server.on('checkContinue', (request, response) => this.#onRequest(request, response))
    this.#server.on('connect', (request, socket, head) => this.#onConnect(request, socket as Socket, head))
  }

  serve(client: Client): void {
    const socket = client.toSocket()
    socket.setDefaultEncoding(headerEncoding)
    // A connection that is closed with unread bytes is reset, and the client may lose the answer (RFC 9112 section 9.6). `wait`
    // limits the time of one that doesn't end its side.
    socket.destroySoon = () => socket.end()
    this.#conversations.set(socket, { client, answered: Promise.resolve(), waiting: 0 })
    this.#server.emit('connection', socket)
  }

  /** Reset, an answer under way doesn't look complete. */
  #onTimeout(socket: Socket): void {
    if (this.#conversations.get(socket)!.waiting > 0) resetSocket(socket)
    else socket.destroy()
  }

  async #onConnect(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const { client, waiting } = this.#conversations.get(socket)!
    // Its answer would overtake those of the requests before it, or come after the last.
    if (waiting > 0 || !socket.writable) return void socket.destroy()
    client.heard()
    // A tunnel has no last answer.
    Reflect.deleteProperty(socket, 'destroySoon')
    if (head.length > 0) socket.unshift(head)
    const target = parseAuthority(request.url!)
    try {
      if (!this.#authenticated(client, request)) return refuse(client, socket, 407, challenge)
      if (!target || !hasOneHost(request) || hasBody(request)) return refuse(client, socket, 400)
      const upstream = await this.#context.uplinks.connect(client.address, target.host, target.port, client.signal)
      relay(client, upstream, established, this.#context)
    } catch (error) {
      refuse(client, socket, statusOf(error))
    }
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    // Behind an answer that ends the connection there are no requests.
    if (!request.socket.writable) return void request.socket.pause()
    const conversation = this.#conversations.get(request.socket)!
    const { client } = conversation
    client.heard()
    joinPieces(request)
    if (++conversation.waiting > maxPipelined) return void request.socket.destroy()
    conversation.answered = conversation.answered.then(async () => {
      const closed = new Promise(resolve => response.on('close', resolve))
      if (request.socket.writable) await Promise.all([this.#answer(client, request, response), closed])
      if (--conversation.waiting > 0) return
      client.wait()
      // The client may still send the rest of a request that has its answer.
      request.on('data', () => request.complete || client.wait())
    })
  }

  async #answer(client: Client, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { uplinks } = this.#context
    const method = request.method!
    const target = parseAbsolute(method, request.url!)
    const left = forwardsLeft(method, request.headers['max-forwards'])
    const coding = request.headers['transfer-encoding']
    try {
      if (!this.#authenticated(client, request)) return end(response, 407, challenge)
      // HTTP/1.0 has no chunks: what precedes this proxy may see another end of the message (RFC 9112 section 6.1).
      const isOld = request.httpVersion !== '1.1'
      // Node has answered any other expectation.
      const asks = !isOld && request.headers.expect !== undefined
      if (!target || !hasOneHost(request) || (isOld && coding !== undefined)) return end(response, 400)
      // TRACE would show what the client's other requests carry; a coding other than chunked would be lost with its field.
      if (method === 'TRACE' || !isChunkedAlone(coding)) return end(response, 501)
      if (left === 0) return end(response, 200)
      const { host, port, path, authority } = target
      const opened = await uplinks.connect(client.address, host, port, client.signal)
      const upstream = toSocket(opened.value)
      track(opened, new SocketCarrier(upstream))
      upstream.setDefaultEncoding(headerEncoding)
      this.#limitIdleness(request.socket, upstream)
      const sent = requestOn(upstream, {
        ...{ method, path },
        headers: [
          'Host',
          authority,
          ...passedOn(
            request.rawHeaders,
            request.httpVersion,
            Number.isFinite(left) ? ['host', 'max-forwards'] : ['host'],
          ),
          ...(Number.isFinite(left) ? ['Max-Forwards', String(left - 1)] : []),
          ...framingOf(method, request.headers),
          ...(asks ? ['Expect', '100-continue'] : []),
          'Connection',
          'close',
        ] as never,
      })
      if (asks) sent.once('continue', () => response.writeContinue())
      await exchange(request, sent, response, upstream)
    } catch (error) {
      if (response.headersSent) resetSocket(request.socket)
      else end(response, statusOf(error))
    }
  }

  /** A client that ends its side may wait for its answer, but most have given up, and the target can't know. */
  #limitIdleness(socket: Socket, upstream: Socket): void {
    let time = this.#context.idleTimeout
    const start = () => void upstream.setTimeout(time)
    const hurry = () => {
      time = Math.min(time, this.#handshakeTimeout)
      start()
    }
    upstream.on('timeout', () => {
      // One that takes its answer slowly is still there, and has a limit of its own.
      if (socket.writableLength > 0) start()
      else upstream.destroy(new Error('idle for too long'))
    })
    if (socket.readableEnded) hurry()
    else start()
    socket.once('end', hurry)
    upstream.once('close', () => socket.off('end', hurry))
  }

  #authenticated({ address }: Client, { headers }: IncomingMessage): boolean {
    const { users, statistics } = this.#context
    if (!users || users.acceptsBasic(clientOf(address), headers['proxy-authorization'])) return true
    statistics.refused++
    return false
  }
}

function isChunkedAlone(coding: string | undefined): boolean {
  return coding === undefined || coding.toLowerCase() === 'chunked'
}

/** Node takes the first of several (RFC 9112 section 3.2 refuses them). */
function hasOneHost({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length < 2
}

/** Whether a CONNECT has content, which the target would take for the first bytes of the tunnel. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}

/** Ends when the response has, whether or not the request has by then. */
async function exchange(
  request: IncomingMessage,
  sent: ClientRequest,
  response: ServerResponse,
  upstream: Socket,
): Promise<void> {
  let cut = () => {}
  readOn(upstream, () => cut())
  const got = new Promise<IncomingMessage>((resolve, reject) => {
    sent.on('response', answer => resolve(joinPieces(answer))).on('error', reject)
    sent.on('close', () => reject(new Error('no response')))
  })
  // Otherwise the header would wait for the first of the content.
  if (request.readableLength === 0) sent.flushHeaders()
  request.pipe(sent)
  response.on('close', () => {
    sent.destroy()
    // What is left of its content is no next request.
    request.unpipe(sent).resume()
  })
  const answer = await got
  const { statusCode: status, statusMessage: reason, rawHeaders, httpVersion } = answer
  if (status === 101) throw new Error('another protocol, which this proxy has not asked for')
  if (!isChunkedAlone(answer.headers['transfer-encoding']))
    throw new Error('a coding that would be lost with its field')
  cut = () => {
    if (!answer.complete) resetSocket(request.socket)
  }
  answer.on('error', cut)
  // A length is no part of a 204 (RFC 9110 section 8.6): whoever believes it takes the next response for content.
  response.writeHead(status!, reason, passedOn(rawHeaders, httpVersion, status === 204 ? ['content-length'] : []))
  if (answer.readableLength === 0) response.flushHeaders()
  await nodeStream().promises.pipeline(answer, response)
}

/** The rest of the request is dropped, and the connection ends after the answer. */
function end(response: ServerResponse, status: number, fields: string[] = []): void {
  // Node keeps the reason phrase of a target that it has refused to pass on, and would throw again.
  response.statusMessage = ''
  response.writeHead(status, [...fields, 'Content-Length', '0', 'Connection', 'close']).end()
}

function refuse(client: Client, socket: Socket, status: number, fields: string[] = []): void {
  if (!socket.writable) return void socket.destroy()
  const text = nodeHttp().STATUS_CODES[status]
  const field = fields.length > 0 ? `${fields.join(': ')}\r\n` : ''
  client.refuse(`HTTP/1.1 ${status} ${text}\r\n${field}Content-Length: 0\r\nConnection: close\r\n\r\n`)
}

const statuses: Record<string, number> = {
  ERR_PROXY_TARGET: 403,
  ERR_OFF_PATH: 403,
  ERR_NO_UPLINK: 503,
  ETIMEDOUT: 504,
  EAI_AGAIN: 504,
}

function statusOf(error: unknown): number {
  return (error instanceof NetviaError && statuses[error.code]) || 502
}
