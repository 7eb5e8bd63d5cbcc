import { nodeHttp } from '../../builtins.js'
import { errorAt, invalidArgument, NetviaError } from '../../errors.js'
import {
  bytes,
  type Check,
  type CommonOptions,
  checkOptions,
  commonSchema,
  integer,
  ipAddress,
  isRegExp,
  milliseconds,
  oneOf,
  type Schema,
} from '../../options.js'
import { dnsServers } from '../../protocols/dns/server-address.js'
import { secureContextFor } from '../../protocols/tcp/secure-contexts.js'
import { type TlsOptions, tlsSchema } from '../../protocols/tcp/tls-options.js'
import { checkTimeout } from '../outcome.js'
import type { HttpRequest } from './redirect.js'
import { parseHttpUrl } from './url.js'

/** Options of `tls.connect` that concern TLS. There is no `ALPNProtocols`, because the check uses HTTP/1.1. */
export type HttpCheckTlsOptions = Omit<TlsOptions, 'ALPNProtocols'>

export interface HttpCheckOptions extends CommonOptions {
  /** Request method (RFC 9110 section 9), any except CONNECT. Default: GET. */
  method?: string
  /** Milliseconds for the whole check, including redirects and body. Default: 5000. */
  timeout?: number
  /** The accepted status, or the range of accepted statuses. Default: [200, 399]. */
  expectStatus?: number | readonly [min: number, max: number]
  /** What the decoded body must contain, within `maxBodyBytes`. Default: any body is accepted. */
  expectBody?: string | RegExp
  /** Body of the request, for POST and the like. A redirect that changes the method to GET drops it. Default: none. */
  body?: string | Uint8Array
  /** Additional header fields, or other values for `user-agent`, `accept`, `accept-encoding` and `host`. */
  headers?: Readonly<Record<string, string | readonly string[]>>
  /** Maximum redirects to follow; one more is a failure. With 0, none is followed and a 301 is judged itself. Default: 5. */
  maxRedirects?: number
  /** Maximum bytes of the body to read, and maximum size after decompression. Default: 1,048,576 (1 MiB). */
  maxBodyBytes?: number
  /** Limits the check to addresses of this family. Default: both, raced (RFC 8305). */
  family?: 4 | 6
  /** Name servers, as in `resolve`. Default: those of /etc/resolv.conf. */
  servers?: readonly string[]
  /**
   * Milliseconds for each connection: name resolution, TCP and TLS. Default: no limit of its own, as `timeout` covers it.
   */
  connectTimeout?: number
  /**
   * Addresses to connect to instead of resolving a name, as `{ 'example.com:443': '192.0.2.1' }`. Names in requests and
   * certificates stay what they are. It also applies to redirects.
   */
  addresses?: Readonly<Record<string, string>>
  /**
   * TLS options for https. Client credentials (`cert`, `key`, `pfx`, …) and `servername` apply only to the URL's origin, not to
   * others that it redirects to.
   */
  tls?: HttpCheckTlsOptions
}

/** A token (RFC 9110 section 9.1). */
const methodToken: Check = (value, name) => {
  if (typeof value !== 'string' || !/^[\w!#$%&'*+.^`|~-]+$/.test(value) || value.toUpperCase() === 'CONNECT') {
    throw invalidArgument(name, value, 'a request method other than CONNECT')
  }
  return value
}

const status = integer(100, 599)

const statusRange: Check = (value, name) => {
  if (!Array.isArray(value)) return status(value, name)
  const [lowest, highest, ...more] = Array.from(value, item => status(item, name) as number)
  if (lowest === undefined || highest === undefined || more.length > 0 || lowest > highest)
    throw invalidArgument(name, value, 'a status or [lowest, highest]')
  return [lowest, highest]
}

const text: Check = (value, name) => {
  if (isRegExp(value) || (typeof value === 'string' && value !== '')) return value
  throw invalidArgument(name, value, 'a non-empty string or a RegExp')
}

/** Its errors omit values, which may be secret. */
const headerFields: Check = (value, name) => {
  if (typeof value !== 'object' || value === null || Symbol.iterator in value)
    throw invalidArgument(name, typeof value, 'a plain object of header fields')
  const fields: [string, string | string[]][] = []
  // Includes inherited fields.
  for (const field in value) {
    const given = (value as Record<string, string | string[]>)[field]!
    const content = Array.isArray(given) ? [...given] : given
    try {
      nodeHttp().validateHeaderName(field)
      for (const item of [content].flat()) {
        // Node would send "null", which an empty value in YAML is, or "[object Object]".
        if (typeof item === 'object') throw new TypeError()
        nodeHttp().validateHeaderValue(field, item)
      }
    } catch {
      throw new NetviaError(`${name}: ${JSON.stringify(field)} is no header field or its value is none`, {
        code: 'ERR_INVALID_ARG_VALUE',
      })
    }
    fields.push([field, content])
  }
  return Object.fromEntries(fields)
}

const requestBody: Check = (value, name) => (typeof value === 'string' ? value : bytes(2 ** 30)(value, name))

const pinnedAddresses: Check = (value, name) => {
  if (typeof value !== 'object' || value === null || Symbol.iterator in value)
    throw invalidArgument(name, value, 'a plain object of addresses')
  const entries = Object.entries(value)
  for (const [target, address] of entries) {
    if (!/:\d+$/.test(target)) throw invalidArgument(name, target, 'keyed by host:port')
    ipAddress(address, `${name}: ${target}`)
  }
  return Object.fromEntries(entries.map(([target, address]) => [target.toLowerCase(), address]))
}

const { ALPNProtocols: _alpn, ...httpTlsSchema } = tlsSchema

const tls: Check = (value, name) => {
  const kept = checkOptions(name, value as HttpCheckTlsOptions, httpTlsSchema)
  try {
    secureContextFor(kept)
  } catch (cause) {
    throw new NetviaError(`${name}: ${(cause as Error).message}`, { code: 'ERR_INVALID_ARG_VALUE', cause })
  }
  return kept
}

export const httpCheckSchema = {
  ...commonSchema,
  method: methodToken,
  timeout: milliseconds,
  expectStatus: statusRange,
  expectBody: text,
  headers: headerFields,
  maxRedirects: integer(0, 100),
  maxBodyBytes: integer(0, 2 ** 30),
  family: oneOf(4, 6),
  servers: dnsServers,
  body: requestBody,
  connectTimeout: milliseconds,
  addresses: pinnedAddresses,
  tls,
} satisfies Schema

export const httpCheckDefaults = {
  timeout: checkTimeout,
  expectStatus: [200, 399],
  maxRedirects: 5,
  maxBodyBytes: 1024 * 1024,
} as const

/** The options of a check with their defaults filled in. */
export type HttpCheckPlan = HttpCheckOptions & {
  [Key in keyof typeof httpCheckDefaults]-?: NonNullable<HttpCheckOptions[Key]>
}

export function planHttpCheck(options: HttpCheckOptions): HttpCheckPlan {
  const plan: HttpCheckPlan = Object.assign({}, httpCheckDefaults, checkOptions('checkHttp', options, httpCheckSchema))
  if (plan.expectBody !== undefined && plan.maxBodyBytes === 0) {
    throw errorAt('maxBodyBytes', invalidArgument('checkHttp: maxBodyBytes', 0, 'more than 0 with expectBody'))
  }
  return plan
}

const ownFields = Object.entries({ 'user-agent': 'netvia', accept: '*/*', 'accept-encoding': 'gzip, deflate, br' })

/** Its errors omit the URL, which may contain secrets. */
export function firstRequest(url: string | URL, { method = 'GET', headers = {}, body }: HttpCheckOptions): HttpRequest {
  const text = typeof url === 'string' ? url : (url as Partial<URL> | null | undefined)?.href
  const parsed = typeof text === 'string' && parseHttpUrl(text)
  if (!parsed) {
    const hint = 'it begins with http:// or https://'
    throw new NetviaError(`checkHttp: the url is not valid; ${hint}`, { code: 'ERR_INVALID_ARG_VALUE', hint })
  }
  const { protocol } = parsed.url
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw invalidArgument("checkHttp: the url's scheme", protocol.slice(0, -1), 'http or https')
  }
  const given = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  const fields = Object.fromEntries([...ownFields, ...given])
  return { url: parsed.url, zone: parsed.zone, method: method.toUpperCase(), headers: fields, body, trusted: true }
}
