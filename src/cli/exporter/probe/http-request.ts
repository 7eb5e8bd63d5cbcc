import { validateHeaderValue } from 'node:http'
import { type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2'
import type { Socket } from 'node:net'
import { PlainConnection } from '../../../protocols/http/plain-connection.js'
import type { HttpAnswer as Answer } from '../../../protocols/http/question.js'
import { SecureConnection } from '../../../protocols/http/secure-connection.js'
import { Failed } from './probe.js'

export interface HttpAnswer {
  /** `HTTP/1.1`, or `HTTP/2.0` as Go writes it. */
  protocol: string
  status: number
  /** Every value of every field; names in lower case. */
  headers: Readonly<Record<string, readonly string[]>>
  body: Answer['body']
}

export interface HttpQuestion {
  url: URL
  method: string
  /** Names are in lower case, and include `host`. */
  headers: Readonly<Record<string, string>>
  body?: Buffer
}

/** Sends one request on a connection of its own, with the protocol that the handshake negotiated. */
export function ask(connection: Socket | PlainConnection, question: HttpQuestion): Promise<HttpAnswer> {
  const agreed = 'alpnProtocol' in connection ? connection.alpnProtocol : false
  return agreed === 'h2' ? askHttp2(connection as Socket, question) : askHttp1(connection, question)
}

async function askHttp1(
  connection: Socket | PlainConnection,
  { url, method, headers, body }: HttpQuestion,
): Promise<HttpAnswer> {
  const question = { method, path: `${url.pathname}${url.search}`, headers, body }
  const asked = connection instanceof PlainConnection ? connection : new SecureConnection(connection)
  const answer = await asked.ask(question)
  return {
    protocol: `HTTP/${answer.httpVersion}`,
    status: answer.statusCode,
    headers: answer.headersDistinct as Record<string, string[]>,
    body: answer.body,
  }
}

async function askHttp2(socket: Socket, { url, method, headers, body }: HttpQuestion): Promise<HttpAnswer> {
  // HTTP/2 in Node.js keeps only the low 8 bits of a character, and so would send another value.
  for (const [name, value] of Object.entries(headers)) validateHeaderValue(name, value)
  const { host, connection: _ofOneConnection, ...fields } = headers
  return new Promise((resolve, reject) => {
    const session = connect(url.origin, { createConnection: () => socket, settings: { enablePush: false } })
    // A server that pushes nevertheless: without a listener, the error of such a stream would end the process.
    session.on('stream', pushed => pushed.on('error', () => {}).close())
    const pseudo = { ':method': method, ':path': `${url.pathname}${url.search}`, ':authority': host }
    const stream = session.request({ ...pseudo, ...fields }, { endStream: body === undefined })
    const content = wholeBody(stream)
    for (const emitter of [session, stream]) emitter.on('error', reject)
    stream.on('close', () => {
      session.destroy()
      // Without an error, after a reset or a farewell that names none.
      reject(new Failed('the server ended the request without an answer'))
    })
    stream.on('response', ({ ':status': status, ...received }: IncomingHttpHeaders & { ':status'?: number }) => {
      const entries = Object.entries(received).map(([name, value]) => [name, [value ?? []].flat()])
      resolve({ protocol: 'HTTP/2.0', status: status!, headers: Object.fromEntries(entries), body: content })
    })
    if (body !== undefined) stream.end(body)
  })
}

/**
 * The body, with an error if it is cut. To readers of Node's stream, a reset that names no fault and a connection that ends look like
 * the end of the body. But Node closes the stream before it reports these.
 */
function wholeBody(stream: ClientHttp2Stream): AsyncIterable<Buffer> {
  const { push } = stream
  let isWhole = false
  stream.push = (chunk, encoding) => {
    isWhole ||= chunk === null && !stream.closed
    return push.call(stream, chunk, encoding)
  }
  return (async function* () {
    yield* stream
    if (!isWhole) throw new Failed('the server ended it before its last byte')
  })()
}
