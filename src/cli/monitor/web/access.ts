import type { IncomingMessage, ServerResponse } from 'node:http'
import { NetviaError } from '../../../errors.js'
import { parseHostPort } from '../../../host-port.js'
import { Secret } from '../../../runtime/secret.js'
import { readNamedText } from '../../shared/named-file.js'
import { isLoopback, type ListenAddress } from './listen-address.js'

/** Shorter ones can be guessed. */
const shortest = 16
/** In ms. Nothing runs yet when a token is read, and a password manager may have to ask. */
const tokenPatience = 30_000

/**
 * The token that protects a page, from the file or from NETVIA_TOKEN. It isn't needed if only this machine can
 * connect.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` if a token is missing or too short.
 */
export function tokenFor(
  address: ListenAddress,
  file: string | undefined,
  env: NodeJS.ProcessEnv,
  option = '--listen',
): string | undefined {
  const token = tokenOf(file, env)
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

/** The token from the file or from NETVIA_TOKEN, as it is. */
export function tokenOf(file: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  const token = (file === undefined ? env.NETVIA_TOKEN : readNamedText(file, tokenPatience))?.trim()
  // Hooks must not inherit it.
  delete env.NETVIA_TOKEN
  return token
}

/** Decides which requests are allowed: those with the token, or without a token those that name this machine. */
export class Access {
  readonly #token: Secret | undefined

  constructor(token: string | undefined) {
    this.#token = token === undefined ? undefined : new Secret(token)
  }

  /** The status that refuses the request; undefined if it is allowed. */
  refusal({ headers: { authorization, host } }: IncomingMessage): 401 | 403 | undefined {
    // A foreign page whose name was made to point here sends its own name in this field.
    if (!this.#token) return isLoopback(parseHostPort(host ?? '')?.host ?? '') ? undefined : 403
    const given = tokenIn(authorization ?? '')
    return given !== undefined && this.#token.is(given) ? undefined : 401
  }

  /** Answers a request that isn't allowed, with `words` as its body. False if it is allowed. */
  refuse(request: IncomingMessage, response: ServerResponse, words?: Readonly<Record<401 | 403, string>>): boolean {
    const status = this.refusal(request)
    if (status === undefined) return false
    if (status === 401) response.setHeader('www-authenticate', 'Basic realm="netvia", charset="UTF-8"')
    if (words) response.setHeader('content-type', 'text/plain; charset=utf-8')
    response.writeHead(status, { connection: 'close' }).end(words?.[status])
    return true
  }
}

/** Reads RFC 6750's token, or RFC 7617's password, which browsers ask for together with any user name. */
function tokenIn(authorization: string): string | undefined {
  const [, scheme, credentials] = /^(bearer|basic) +(\S+)$/i.exec(authorization) ?? []
  if (scheme?.toLowerCase() !== 'basic') return credentials
  const text = Buffer.from(credentials!, 'base64').toString()
  return text.slice(text.indexOf(':') + 1)
}
