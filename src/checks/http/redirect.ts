import { NetviaError, shortened } from '../../errors.js'
import type { HttpAnswer } from '../../protocols/http/question.js'
import { type HttpUrl, parseHttpUrl } from './url.js'

/** One request of a check, before it is sent. Header names are in lower case. */
export interface HttpRequest {
  readonly url: URL
  /** Zone of the IPv6 address in the URL. */
  readonly zone: string | undefined
  readonly method: string
  readonly body: string | Uint8Array | undefined
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** Whether this is still the origin the caller named, the only one that receives the caller's credentials. */
  readonly trusted: boolean
}

export const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

export function isRedirect({ statusCode, headers }: HttpAnswer): boolean {
  return redirectStatuses.has(statusCode) && headers.location !== undefined
}

/** Header fields meant only for the original origin (RFC 9110 section 15.4). */
const credentials = new Set(['authorization', 'cookie', 'host', 'proxy-authorization'])

/**
 * The request that a redirect leads to (RFC 9110 section 15.4); undefined if the response isn't one. Error messages omit the
 * location, which may contain secrets.
 */
export function redirectOf(request: HttpRequest, response: HttpAnswer): HttpRequest | undefined {
  if (!isRedirect(response)) return undefined
  const status = response.statusCode
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
    body: toGet ? undefined : request.body,
    headers: withoutContent(sameOrigin ? request.headers : withoutCredentials(request.headers), toGet),
    trusted: request.trusted && sameOrigin,
  }
}

/** The target of a redirect; undefined if it isn't a URL. */
export function locationOf({ url, zone }: HttpRequest, { headers }: HttpAnswer): HttpUrl | undefined {
  // Servers send UTF-8, which Node's parser returns byte by byte. fetch decodes it too.
  const target = parseHttpUrl(Buffer.from(headers.location ?? '', 'latin1').toString(), url)
  // A server that redirects to its own address without the zone is on the same link.
  return target && target.zone === undefined && target.url.hostname === url.hostname ? { ...target, zone } : target
}

export function redirectError(message: string): NetviaError {
  return new NetviaError(message, { code: 'ERR_HTTP_REDIRECT' })
}

/** A request that became a GET has no body to describe. */
function withoutContent(headers: HttpRequest['headers'], toGet: boolean): HttpRequest['headers'] {
  return toGet ? Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('content-'))) : headers
}

function withoutCredentials(headers: HttpRequest['headers']): HttpRequest['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !credentials.has(name)))
}
