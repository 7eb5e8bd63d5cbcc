import { type IncomingMessage, request as startRequest } from 'node:http'
import { connect, type IncomingHttpHeaders } from 'node:http2'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

export interface HttpAnswer {
  /** `HTTP/1.1`, or `HTTP/2.0` as Go writes it. */
  protocol: string
  status: number
  /** Every value of every field; names in lower case. */
  headers: Readonly<Record<string, readonly string[]>>
  body: Readable
}

export interface HttpQuestion {
  url: URL
  method: string
  /** Names are in lower case, and include `host`. */
  headers: Readonly<Record<string, string>>
  body?: Buffer
}

/** Sends one request on a connection of its own, with the protocol that the handshake negotiated. */
export function ask(socket: Socket, question: HttpQuestion): Promise<HttpAnswer> {
  const agreed = 'alpnProtocol' in socket ? socket.alpnProtocol : false
  return agreed === 'h2' ? askHttp2(socket, question) : askHttp1(socket, question)
}

async function askHttp1(socket: Socket, { url, method, headers, body }: HttpQuestion): Promise<HttpAnswer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const path = `${url.pathname}${url.search}`
    const request = startRequest({ createConnection: () => socket, setHost: false, method, path, headers })
    request.on('response', resolve).on('upgrade', resolve).on('error', reject).end(body)
  })
  return {
    protocol: `HTTP/${response.httpVersion}`,
    status: response.statusCode!,
    headers: response.headersDistinct as Record<string, string[]>,
    body: response,
  }
}

function askHttp2(socket: Socket, { url, method, headers, body }: HttpQuestion): Promise<HttpAnswer> {
  const { host, connection: _ofOneConnection, ...fields } = headers
  return new Promise((resolve, reject) => {
    const session = connect(url.origin, { createConnection: () => socket })
    const pseudo = { ':method': method, ':path': `${url.pathname}${url.search}`, ':authority': host }
    const stream = session.request({ ...pseudo, ...fields }, { endStream: body === undefined })
    for (const emitter of [session, stream]) emitter.on('error', reject)
    stream.on('close', () => session.destroy())
    stream.on('response', ({ ':status': status, ...received }: IncomingHttpHeaders & { ':status'?: number }) => {
      const entries = Object.entries(received).map(([name, value]) => [name, [value ?? []].flat()])
      resolve({ protocol: 'HTTP/2.0', status: status!, headers: Object.fromEntries(entries), body: stream })
    })
    if (body !== undefined) stream.end(body)
  })
}
