import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { requestOn } from './request-on.js'

/** A request on a connection of its own. Header names are in lower case, `host` among them. */
export interface HttpQuestion {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Uint8Array
}

/** A response whose header has arrived. The fields are those of Node's `IncomingMessage`. */
export interface HttpAnswer {
  readonly statusCode: number
  readonly httpVersion: string
  readonly headers: Pick<IncomingHttpHeaders, 'location' | 'content-encoding' | 'content-type'>
  readonly headersDistinct: Readonly<Record<string, readonly string[] | undefined>>
  /** Reading it further than wanted costs the network: stop early. */
  readonly body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

/** Asks by Node's HTTP client. */
export async function askByNode(connection: Socket, question: HttpQuestion): Promise<HttpAnswer> {
  const { method, path, body } = question
  const headers = { ...lengthOf(question), ...question.headers } as Record<string, string>
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = requestOn(connection, { setHost: false, method, path, headers })
    const onResponse = (response: IncomingMessage) => {
      // Without this, a body that the parser refuses would end as if the connection had broken, and one that only the end of the
      // connection ends would be whole when the connection is reset.
      response.on('error', () => {})
      request.on('error', error => {
        if (!response.complete) response.destroy(isOfParser(error) ? error : aborted())
      })
      resolve(response)
    }
    // An unrequested 101 counts as a status like any other.
    request.on('response', onResponse).on('upgrade', resolve).on('error', reject)
    // Nothing is lost of a socket that was read until it paused: by now Node's client listens.
    request.on('socket', socket => socket.resume()).end(body)
  })
  return {
    statusCode: message.statusCode!,
    httpVersion: message.httpVersion,
    headers: message.headers,
    get headersDistinct() {
      return message.headersDistinct
    },
    body: message,
  }
}

/** Node sends the body of a GET, HEAD, DELETE or OPTIONS without: the server would take it for another request. */
function lengthOf({ body, headers }: HttpQuestion): Record<string, string> {
  if (!body || headers['transfer-encoding'] !== undefined) return {}
  return { 'content-length': String(Buffer.byteLength(body)) }
}

function isOfParser({ code }: NodeJS.ErrnoException): boolean {
  return code?.startsWith('HPE_') === true
}

/** Lets Node's client read the answer to a question that has been sent, and of which this much was received. */
export function askOnward(socket: Socket, received: Uint8Array, question: HttpQuestion): Promise<HttpAnswer> {
  if (received.length > 0) socket.unshift(received)
  // It writes the question again.
  const write = (_chunk: unknown, encoding?: unknown, done = encoding) => {
    if (typeof done === 'function') queueMicrotask(done as () => void)
    return true
  }
  return askByNode(Object.assign(socket, { write }), question)
}

/** Node's error for a request that ends before there is an answer. */
export function hangUp(): Error {
  return Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
}

/** Node's error for a body that breaks off. */
export function aborted(): Error {
  return Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
}

const token = /^[\w!#$%&'*+.^`|~-]+$/
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/
/** Fields on which the shape of a message or the fate of the connection depends. */
const framing = /^(?:content-length|expect|keep-alive|te|trailer|transfer-encoding|upgrade)$/

/** A plain question as Node's client writes it; undefined for any other, and for one that Node refuses. */
export function encodePlainly({ method, path, headers, body }: HttpQuestion): string | undefined {
  if ((method !== 'GET' && method !== 'HEAD') || body !== undefined || !/^[!-~]+$/.test(path)) return undefined
  let text = `${method} ${path} HTTP/1.1\r\n`
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string' || !token.test(name) || !fieldValue.test(value) || framing.test(name))
      return undefined
    if (name === 'connection' && value !== 'close') return undefined
    text += `${name}: ${value}\r\n`
  }
  return `${text}${headers.connection === undefined ? 'Connection: close\r\n' : ''}\r\n`
}
