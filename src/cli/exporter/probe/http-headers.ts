import { percentDecoded } from '../../../checks/http/url.js'
import { readNamedText } from '../../shared/named-file.js'
import type { HttpModule } from '../config/http.js'

/** The header fields that the module sets; names in lower case. */
export function headersOf({ headers = {} }: HttpModule, userAgent: string): Record<string, string> {
  const own = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  return { 'user-agent': userAgent, ...Object.fromEntries(own) }
}

/** Credentials (RFC 7617, RFC 6750) of the URL, or else of the module, as in Go. Files are read again for every probe. */
export function credentialsOf(module: HttpModule, { username, password }: URL): { authorization?: string } {
  if (username || password) return basic(percentDecoded(username), percentDecoded(password))
  const { basic_auth, authorization, bearer_token, bearer_token_file } = module
  const secret = (text: string | undefined, file: string | undefined) =>
    text ?? (file === undefined ? '' : readNamedText(file, 0).trim())
  if (basic_auth) {
    const name = secret(basic_auth.username, basic_auth.username_file)
    return basic(name, secret(basic_auth.password, basic_auth.password_file))
  }
  if (authorization) {
    const { type = 'Bearer', credentials, credentials_file } = authorization
    return { authorization: `${type} ${secret(credentials, credentials_file)}` }
  }
  const token = secret(bearer_token, bearer_token_file)
  return token === '' ? {} : { authorization: `Bearer ${token}` }
}

function basic(name: string, password: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` }
}

/** The cookies that servers set during the probe, each for the host that set it. */
export class Cookies {
  readonly #held = new Map<string, string>()

  take(host: string, setCookies: readonly string[] = []): void {
    for (const text of setCookies) {
      const [, name, value] = /^([^=;]+)=([^;]*)/.exec(text.trimStart()) ?? []
      if (name !== undefined) this.#held.set(`${host} ${name.trim()}`, `${name.trim()}=${value!.trim()}`)
    }
  }

  header(host: string): { cookie?: string } {
    const found = [...this.#held].filter(([key]) => key.startsWith(`${host} `)).map(([, pair]) => pair)
    return found.length === 0 ? {} : { cookie: found.join('; ') }
  }
}
