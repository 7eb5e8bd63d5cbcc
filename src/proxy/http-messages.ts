import type { IncomingHttpHeaders } from 'node:http'

/** The target of a request. */
export interface HttpTarget {
  /** An IPv6 address has no brackets. */
  readonly host: string
  readonly port: number
}

/** The target of CONNECT: `host:port` (RFC 9110 section 9.3.6). Undefined for anything else. */
export function parseAuthority(text: string): HttpTarget | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([\da-f:.]+)\]|([^\s:@/?#[\]\\%]+)):(\d{1,5})$/i.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port }
}

/** The target of any other request: an absolute `http:` URL (RFC 9112 section 3.2.2). Undefined for anything else. */
export function parseAbsolute(
  method: string,
  text: string,
): (HttpTarget & { path: string; authority: string }) | undefined {
  if (!/^http:\/\//i.test(text) || !URL.canParse(text)) return undefined
  const { hostname, host: authority, port, username, password } = new URL(text)
  if (hostname === '' || username !== '' || password !== '' || port === '0') return undefined
  // As it was written: a URL object would change it.
  const [, rest = ''] = /^http:\/\/[^/?#\\]*([^#]*)/i.exec(text) ?? []
  // OPTIONS without a path is about the whole server (RFC 9112 section 3.2.4).
  const isWhole = method === 'OPTIONS' && rest === ''
  const path = isWhole ? '*' : rest.startsWith('/') ? rest : `/${rest}`
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 80), path, authority }
}

/** How many more may pass an OPTIONS on (RFC 9110 section 7.6.2). Infinity if it sets no limit. */
export function forwardsLeft(method: string, limit: unknown): number {
  return method === 'OPTIONS' && /^\d+$/.test(String(limit)) ? Number(limit) : Number.POSITIVE_INFINITY
}

/** Without content, a request of another method has a length of 0 (RFC 9110 section 8.6). */
const withoutLength = ['GET', 'HEAD', 'DELETE', 'OPTIONS']

/**
 * The field in front of a request's content, in addition to the length that it came with. Node would announce chunks even without
 * content, and servers refuse these: nginx in MKCOL, COPY and MOVE, others in every POST.
 */
export function framingOf(method: string, headers: IncomingHttpHeaders): string[] {
  if (headers['transfer-encoding'] !== undefined) return ['Transfer-Encoding', 'chunked']
  return headers['content-length'] !== undefined || withoutLength.includes(method) ? [] : ['Content-Length', '0']
}

/** Fields of one connection alone (RFC 9110 section 7.6.1), or of the proxy's own concern. */
const ofConnection = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * Names and values in turn, as Node's `rawHeaders`: without what is of this connection alone, and with the `Via` of a message that
 * came by this version of HTTP (RFC 9110 section 7.6.3).
 */
export function passedOn(rawHeaders: readonly string[], version: string, without: readonly string[] = []): string[] {
  const pairs = Array.from({ length: rawHeaders.length / 2 }, (_, i) => [rawHeaders[2 * i]!, rawHeaders[2 * i + 1]!])
  const named = pairs
    .filter(([name]) => name!.toLowerCase() === 'connection')
    .flatMap(([, value]) => value!.toLowerCase().split(','))
    .map(token => token.trim())
    // The length belongs to the message, even if the sender lists it as a header of the connection.
    .filter(token => token !== 'content-length')
  const dropped = new Set([...ofConnection, ...named, ...without])
  return [
    ...(pairs.filter(([name]) => !dropped.has(name!.toLowerCase())).flat() as string[]),
    'Via',
    `${version} netvia`,
  ]
}
