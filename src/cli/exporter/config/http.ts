import { arrayOf, boolean, integer, type Schema } from '../../../options.js'
import { usageError } from '../../shared/arguments.js'
import type { Reaching } from './modules.js'
import { type TlsConfig, tlsSchema } from './tls.js'
import { anyOf, type Pattern, regexp, scalarText, section, size, textMap, unsupported } from './values.js'

export interface HeaderMatch {
  header: string
  regexp: Pattern
  allow_missing?: boolean
}

export interface HttpModule extends Omit<Reaching, 'source_ip_address'> {
  valid_status_codes?: number[]
  valid_http_versions?: string[]
  method?: string
  headers?: Record<string, string>
  /** In bytes; 0 for no limit. */
  body_size_limit?: number
  compression?: string
  follow_redirects?: boolean
  no_follow_redirects?: boolean
  fail_if_ssl?: boolean
  fail_if_not_ssl?: boolean
  fail_if_body_matches_regexp?: Pattern[]
  fail_if_body_not_matches_regexp?: Pattern[]
  fail_if_header_matches?: HeaderMatch[]
  fail_if_header_not_matches?: HeaderMatch[]
  tls_config?: TlsConfig
  basic_auth?: { username?: string; username_file?: string; password?: string; password_file?: string }
  authorization?: { type?: string; credentials?: string; credentials_file?: string }
  bearer_token?: string
  bearer_token_file?: string
  body?: string
  body_file?: string
  enable_http2?: boolean
}

const headerMatches = arrayOf(section({ header: scalarText, regexp, allow_missing: boolean }, ['header', 'regexp']))

const noProxy = unsupported('; it connects to the target itself')

export const httpSchema = {
  valid_status_codes: arrayOf(integer(100, 999)),
  valid_http_versions: arrayOf(scalarText),
  method: scalarText,
  headers: textMap,
  body_size_limit: size,
  compression: anyOf('gzip', 'br', 'deflate', 'identity', ''),
  follow_redirects: boolean,
  no_follow_redirects: boolean,
  fail_if_ssl: boolean,
  fail_if_not_ssl: boolean,
  fail_if_body_matches_regexp: arrayOf(regexp),
  fail_if_body_not_matches_regexp: arrayOf(regexp),
  fail_if_header_matches: headerMatches,
  fail_if_header_not_matches: headerMatches,
  tls_config: section(tlsSchema),
  basic_auth: section({
    username: scalarText,
    username_file: scalarText,
    password: scalarText,
    password_file: scalarText,
  }),
  authorization: section({ type: scalarText, credentials: scalarText, credentials_file: scalarText }),
  bearer_token: scalarText,
  bearer_token_file: scalarText,
  body: scalarText,
  body_file: scalarText,
  enable_http2: boolean,
  oauth2: unsupported(),
  proxy_url: noProxy,
  no_proxy: noProxy,
  proxy_from_environment: noProxy,
  proxy_connect_headers: noProxy,
  proxy_connect_header: noProxy,
  skip_resolve_phase_with_proxy: noProxy,
} satisfies Schema

/** At most one of these may be given. */
const exclusive: readonly (keyof HttpModule)[][] = [
  ['body', 'body_file'],
  ['basic_auth', 'authorization', 'bearer_token', 'bearer_token_file'],
]

export function judgeHttp(http: HttpModule): void {
  for (const group of exclusive) {
    const given = group.filter(key => http[key] !== undefined)
    if (given.length > 1) throw usageError(`${given.join(' and ')} exclude each other`)
  }
  const { compression, headers = {} } = http
  const accepted = Object.entries(headers).find(([name]) => name.toLowerCase() === 'accept-encoding')?.[1]
  if (compression && accepted && !accepts(accepted, compression)) {
    throw usageError(`compression: ${compression} is not what the header Accept-Encoding: ${accepted} asks for`)
  }
}

/** RFC 9110 section 12.5.3. */
function accepts(acceptEncoding: string, coding: string): boolean {
  const offers = acceptEncoding.split(',').map(offer => {
    const [name, quality] = offer.split(';').map(part => part.trim())
    return { name, quality: quality === undefined ? 1 : Number(quality.replace('q=', '')) || 0 }
  })
  const offer = offers.find(({ name }) => name === coding) ?? offers.find(({ name }) => name === '*')
  return (offer?.quality ?? 0) > 0
}
