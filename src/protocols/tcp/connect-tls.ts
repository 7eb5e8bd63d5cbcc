import type { Socket } from 'node:net'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { isIP, nodeTls } from '../../builtins.js'
import { NetviaError } from '../../errors.js'
import { checkOptions, type Schema } from '../../options.js'
import { wireName } from '../dns/names.js'
import { type ConnectOptions, connectSchema, dial } from './dial.js'
import { withinTimeLimit } from './time-limit.js'
import { type TlsOptions, tlsSchema } from './tls-options.js'

/** Of `connectTls`: those of `connect`, and those of `tls.connect` that concern TLS. */
export type ConnectTlsOptions = ConnectOptions & TlsOptions

const schema: Schema = { ...connectSchema, ...tlsSchema }

/**
 * `connect`, then TLS (RFC 8446) on that connection. Takes the options of `tls.connect` that concern TLS. A name is sent as
 * server name (SNI, RFC 6066; an address never is) and checked against the certificate; `timeout` and `signal` cover the
 * handshake too.
 *
 * @throws NetviaError what `connect` throws; the code of Node's own error where the handshake or the certificate fails, such
 * as `CERT_HAS_EXPIRED`, `DEPTH_ZERO_SELF_SIGNED_CERT`, `ERR_TLS_CERT_ALTNAME_INVALID`, `ECONNRESET`.
 */
export async function connectTls(options: ConnectTlsOptions): Promise<TLSSocket> {
  checkOptions('connectTls', options, schema, ['host', 'port'])
  return withinTimeLimit(options, async (signal, progress) => {
    const { socket } = await dial(options, signal, progress)
    progress.phase = 'TLS handshake'
    return startTls(socket, options, signal)
  })
}

/** The handshake on a connected socket, which is closed if it fails. `options` are checked. */
export async function startTls(socket: Socket, options: ConnectTlsOptions, signal: AbortSignal): Promise<TLSSocket> {
  const address = socket.remoteAddress ?? options.host
  const host = options.host.replace(/%.*/, '')
  const name = isIP(host) ? {} : { servername: wireName(host) }
  let secure: TLSSocket
  try {
    secure = nodeTls().connect({ ...name, ...pickTls(options), host, socket })
  } catch (error) {
    socket.destroy()
    throw error
  }
  try {
    await handshake(secure, signal)
  } catch (error) {
    // What else comes out of it on its way down is of no interest.
    secure.on('error', () => {})
    secure.destroy()
    socket.destroy()
    throw signal.aborted ? error : tlsError(error as NodeJS.ErrnoException, options, address)
  }
  return secure
}

function handshake(secure: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    signal.throwIfAborted()
    const onAbort = () => settle(() => reject(signal.reason))
    const onSecure = () => settle(resolve)
    const onError = (error: Error) => settle(() => reject(error))
    const settle = (tell: () => void) => {
      signal.removeEventListener('abort', onAbort)
      secure.off('secureConnect', onSecure)
      secure.off('error', onError)
      tell()
    }
    signal.addEventListener('abort', onAbort)
    secure.on('secureConnect', onSecure)
    secure.on('error', onError)
  })
}

function pickTls(options: ConnectTlsOptions): ConnectionOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([key, value]) => value !== undefined && Object.hasOwn(tlsSchema, key)),
  )
}

/** A failed handshake or a certificate that was not accepted, by Node's own code for it. */
export function tlsError(cause: NodeJS.ErrnoException, options: ConnectTlsOptions, address: string): NetviaError {
  const { code = 'ERR_TLS', errno } = cause
  // OpenSSL's whole message has source lines in it, and a line break.
  const message = (/^ERR_SSL_/.test(code) && (cause as { reason?: string }).reason) || cause.message
  const { host: hostname, port, device } = options
  const certificate = /CERT|SIGNATURE|ISSUER|CRL|ALTNAME/.test(code)
  const hint = certificate
    ? 'give who signed it as "ca", and the name it is for as "servername"'
    : /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/.test(code)
      ? 'what answered is not TLS: is it the right port?'
      : undefined
  const where = `${hostname}, ${address}${device === undefined ? '' : ` on device ${device}`}`
  const text = `TLS handshake ${code}: ${message} (${where})`
  return new NetviaError(hint ? `${text}; ${hint}` : text, {
    ...{ code, errno, syscall: 'TLS handshake', address, port, hostname, device, hint, cause },
  })
}
