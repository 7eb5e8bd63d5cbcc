import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { NetviaError } from '../../../errors.js'
import { parseHostPort } from '../../../host-port.js'
import { Secret } from '../../../runtime/secret.js'
import { isLoopback, type ListenAddress } from './listen-address.js'

/** Shorter ones can be guessed. */
const shortest = 16

/**
 * The token that a page is protected with: from the file, else from NETVIA_TOKEN. None is needed where only this machine can
 * ask.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` where one is needed or this one is too short.
 */
export function tokenFor(
  address: ListenAddress,
  file: string | undefined,
  env: NodeJS.ProcessEnv,
  option = '--listen',
): string | undefined {
  const token = (file === undefined ? env.NETVIA_TOKEN : readFileSync(file, 'utf8'))?.trim()
  // It is no business of the hook's.
  delete env.NETVIA_TOKEN
  if (token === undefined && address.loopback) return undefined
  if (token !== undefined && token.length >= shortest) return token
  const wanted =
    token === undefined
      ? `${address.host} can be reached from other machines: a token is needed`
      : `the token is too short: ${shortest} characters at least`
  throw new NetviaError(`${option}: ${wanted} (--token-file, or NETVIA_TOKEN; openssl rand -hex 16 makes one)`, {
    code: 'ERR_INVALID_ARG_VALUE',
  })
}

/** Who may ask: with a token, who knows it; without one, who means this machine. */
export class Access {
  readonly #token: Secret | undefined

  constructor(token: string | undefined) {
    this.#token = token === undefined ? undefined : new Secret(token)
  }

  /** The status that refuses the request; undefined where it is welcome. */
  refusal({ headers: { authorization, host } }: IncomingMessage): 401 | 403 | undefined {
    // A page of elsewhere whose name was made to point here has its own name in the field.
    if (!this.#token) return isLoopback(parseHostPort(host ?? '')?.host ?? '') ? undefined : 403
    const given = tokenIn(authorization ?? '')
    return given !== undefined && this.#token.is(given) ? undefined : 401
  }

  /** Answers a request that is not welcome, with `words` for who reads them. False where it is welcome. */
  refuse(request: IncomingMessage, response: ServerResponse, words?: Readonly<Record<401 | 403, string>>): boolean {
    const status = this.refusal(request)
    if (status === undefined) return false
    if (status === 401) response.setHeader('www-authenticate', 'Basic realm="netvia", charset="UTF-8"')
    if (words) response.setHeader('content-type', 'text/plain; charset=utf-8')
    response.writeHead(status, { connection: 'close' }).end(words?.[status])
    return true
  }
}

/** RFC 6750; or RFC 7617, which browsers ask the user for: any user name, and the token as the password. */
function tokenIn(authorization: string): string | undefined {
  const [, scheme, credentials] = /^(bearer|basic) +(\S+)$/i.exec(authorization) ?? []
  if (scheme?.toLowerCase() !== 'basic') return credentials
  const text = Buffer.from(credentials!, 'base64').toString()
  return text.slice(text.indexOf(':') + 1)
}
