import type { IncomingMessage } from 'node:http'
import { NetviaError, shortened } from '../../errors.js'
import { type HttpUrl, parseHttpUrl } from './url.js'

/** One request of a check, before it is on the wire. Header names are in lower case. */
export interface HttpRequest {
  readonly url: URL
  /** Of an IPv6 address as the host. */
  readonly zone: string | undefined
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
  if (!isRedirect(response)) return undefined
  const status = response.statusCode!
  const target = locationOf(request, response)
  if (!target) throw redirectError(`the ${status} names a location that is no URL`)
  const { url, zone } = target
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw redirectError(
      `the ${status} leads to a ${shortened(url.protocol.slice(0, -1))} location; only http and https are followed`,
    )
  }
  const sameOrigin = url.origin === request.url.origin && zone === request.zone
  if (sameOrigin && !url.username && !url.password) {
    url.username = request.url.username
    url.password = request.url.password
  }
  const toGet = status === 303 ? request.method !== 'HEAD' : status <= 302 && request.method === 'POST'
  return {
    url,
    zone,
    method: toGet ? 'GET' : request.method,
    headers: sameOrigin ? request.headers : withoutCredentials(request.headers),
    trusted: request.trusted && sameOrigin,
  }
}

/** Where a redirect leads; undefined where that is no URL. */
export function locationOf({ url, zone }: HttpRequest, { headers }: IncomingMessage): HttpUrl | undefined {
  // Servers send UTF-8, which Node's parser hands over byte by byte; fetch reads it so, too.
  const target = parseHttpUrl(Buffer.from(headers.location ?? '', 'latin1').toString(), url)
  // Who has the address without the zone is on the same link.
  return target && target.zone === undefined && target.url.hostname === url.hostname ? { ...target, zone } : target
}

export function redirectError(message: string): NetviaError {
  return new NetviaError(message, { code: 'ERR_HTTP_REDIRECT' })
}

function withoutCredentials(headers: HttpRequest['headers']): HttpRequest['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !credentials.has(name)))
}
