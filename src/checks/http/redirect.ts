import type { IncomingMessage } from 'node:http'
import { NetviaError } from '../../errors.js'

/** One request of a check, before it is on the wire. Header names are in lower case. */
export interface HttpRequest {
  readonly url: URL
  readonly method: string
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** Still the origin that the caller named: his credentials are meant for this one alone. */
  readonly trusted: boolean
}

const redirects = new Set([301, 302, 303, 307, 308])

export function isRedirect({ statusCode, headers }: IncomingMessage): boolean {
  return redirects.has(statusCode!) && headers.location !== undefined
}

/** Meant for the origin they were given for (RFC 9110 section 15.4). */
const credentials = new Set(['authorization', 'cookie', 'host', 'proxy-authorization'])

/**
 * The request that a response sends us on to (RFC 9110 section 15.4); undefined where it doesn't. Error messages leave the
 * location out: it may hold secrets.
 */
export function redirectOf(request: HttpRequest, response: IncomingMessage): HttpRequest | undefined {
  const { location } = response.headers
  const status = response.statusCode!
  if (!redirects.has(status) || location === undefined) return undefined
  const url = URL.canParse(location, request.url.href) ? new URL(location, request.url) : undefined
  if (!url) throw redirectError(`the ${status} names a location that is no URL`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw redirectError(
      `the ${status} leads to a ${url.protocol.slice(0, -1)} location; only http and https are followed`,
    )
  }
  const sameOrigin = url.origin === request.url.origin
  if (sameOrigin && !url.username && !url.password) {
    url.username = request.url.username
    url.password = request.url.password
  }
  const toGet = status === 303 ? request.method !== 'HEAD' : status <= 302 && request.method === 'POST'
  return {
    url,
    method: toGet ? 'GET' : request.method,
    headers: sameOrigin ? request.headers : withoutCredentials(request.headers),
    trusted: request.trusted && sameOrigin,
  }
}

export function redirectError(message: string): NetviaError {
  return new NetviaError(message, { code: 'ERR_HTTP_REDIRECT' })
}

function withoutCredentials(headers: HttpRequest['headers']): HttpRequest['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !credentials.has(name)))
}
