import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { isIP } from '../builtins.js'
import { invalidArgument, joinHostPort, NetviaError, systemError } from '../errors.js'
import { type Check, checkOptions, port, type Schema, string } from '../options.js'
import type { Signal } from '../runtime/cancel.js'
import { type ChunkSource, chunksOf, readMessage } from './read-message.js'
import {
  encodeConnect,
  encodeGreeting,
  encodePassword,
  method,
  parseMethod,
  parseReply,
  parseVerdict,
  reply,
  SocksError,
} from './socks-messages.js'

/** A SOCKS5 proxy that a proxy passes its clients' connections on to. */
export interface UpstreamProxy {
  /** Its name or address. */
  host: string
  /** Its port, 1-65535. Default: 1080. */
  port?: number
  /** User name (RFC 1929), 1-255 bytes. Goes over the network in clear text, as the password does. Default: none. */
  user?: string
  /** Password of the `user`, 1-255 bytes. */
  password?: string
}

export type Upstream = UpstreamProxy & { port: number }

const schema: Schema = { host: string, port, user: string, password: string }

export const upstreamCheck: Check = (value, name) => {
  const given = checkOptions(name, value as object, schema, ['host']) as unknown as UpstreamProxy
  const { user, password } = given
  if ((user === undefined) !== (password === undefined))
    throw invalidArgument(name, value, 'given user and password together')
  for (const [key, text] of Object.entries({ user, password })) {
    const length = Buffer.byteLength(text ?? 'none')
    // Its content may be secret.
    if (length < 1 || length > 255) throw invalidArgument(`${name}.${key}`, typeof text, 'of 1-255 bytes')
  }
  return { port: 1080, ...given }
}

/**
 * Asks the proxy at the other end of `socket` for a connection (RFC 1928 section 4). It looks names up itself. Closes the socket
 * on failure, and when the signal fires.
 *
 * @throws NetviaError what the proxy says of the target: `ECONNREFUSED`, `EHOSTUNREACH`, `ENETUNREACH`, `ERR_PROXY_TARGET`;
 * otherwise `ERR_UPSTREAM_PROXY`.
 */
export async function connectThrough(
  socket: Socket,
  upstream: Upstream,
  host: string,
  port: number,
  signal: Signal,
): Promise<void> {
  const end = () => socket.destroy()
  const ignore = () => {}
  signal.addEventListener('abort', end)
  socket.on('error', ignore)
  try {
    const chunks = chunksOf(socket)
    await logIn(socket, chunks, upstream)
    socket.write(encodeConnect(host, port))
    const code = await readMessage(chunks, parseReply)
    if (code !== reply.succeeded) throw replyError(code, upstream, host, port)
  } catch (error) {
    end()
    signal.throwIfAborted()
    throw error instanceof SocksError ? failure(upstream, `broke off the handshake: ${error.message}`) : error
  } finally {
    signal.removeEventListener('abort', end)
    socket.off('error', ignore)
  }
}

async function logIn(socket: Socket, chunks: ChunkSource, upstream: Upstream): Promise<void> {
  const { user, password } = upstream
  socket.write(encodeGreeting(user === undefined ? method.none : method.password))
  const chosen = await readMessage(chunks, parseMethod)
  if (chosen === method.none && user === undefined) return
  if (chosen !== method.password || user === undefined) {
    const hint = user === undefined ? 'it may want a user and password' : 'it may not know passwords'
    throw failure(upstream, 'accepts no common method of authentication', hint)
  }
  socket.write(encodePassword(user, password!))
  if (!(await readMessage(chunks, parseVerdict))) throw failure(upstream, 'refuses the user or the password')
}

const errnos: Record<number, number> = {
  [reply.networkUnreachable]: constants.errno.ENETUNREACH,
  [reply.hostUnreachable]: constants.errno.EHOSTUNREACH,
  [reply.refused]: constants.errno.ECONNREFUSED,
}

function replyError(code: number, upstream: Upstream, host: string, port: number): NetviaError {
  const hint = `as the proxy ${joinHostPort(upstream.host, upstream.port)} says`
  const target = isIP(host) ? { address: host, port } : { hostname: host, port }
  const errno = errnos[code]
  if (errno !== undefined) return systemError(-errno, 'connect', { ...target, hint })
  if (code !== reply.notAllowed)
    return failure(upstream, `can't connect to ${joinHostPort(host, port)} (reply ${code})`)
  return new NetviaError(`${joinHostPort(host, port)} is refused, ${hint}`, {
    code: 'ERR_PROXY_TARGET',
    ...target,
    hint,
  })
}

/** What the network says of a target, and a client would take for its own. */
const ofNetwork = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'ENODATA'])

/** Rejects with the error of a connection to the proxy. @throws NetviaError `ERR_UPSTREAM_PROXY` for what the network says of it. */
export function failBecauseOf(error: NetviaError, upstream: Upstream): never {
  throw ofNetwork.has(error.code) ? failure(upstream, `can't be reached: ${error.message}`) : error
}

function failure({ host: address, port }: Upstream, what: string, hint?: string): NetviaError {
  const message = `the proxy ${joinHostPort(address, port)} ${what}`
  return new NetviaError(hint === undefined ? message : `${message}; ${hint}`, {
    ...{ code: 'ERR_UPSTREAM_PROXY', address, port, hint },
  })
}
