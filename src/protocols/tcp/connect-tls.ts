import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { ConnectionOptions, DetailedPeerCertificate, TLSSocket } from 'node:tls'
import { isIP, nodeTls } from '../../builtins.js'
import { NetviaError } from '../../errors.js'
import { checkOptions, type Schema } from '../../options.js'
import type { Signal } from '../../runtime/cancel.js'
import { descriptorOf } from '../../sockets/hand-over.js'
import { refuseReconnect } from '../../sockets/refuse-reconnect.js'
import { reportResets } from '../../sockets/report-resets.js'
import { onDeviceLoss } from '../../system/device-loss.js'
import { wireName } from '../dns/names.js'
import { type ConnectOptions, connectSchema } from './dial.js'
import { dialPaths } from './multipath/dial.js'
import { type MultipathOptions, multipathSchema } from './multipath/options.js'
import { outlivingErrors } from './outliving-errors.js'
import { secureContextFor } from './secure-contexts.js'
import { withinTimeLimit } from './time-limit.js'
import { certificateError, handshakeError } from './tls-error.js'
import { type TlsOptions, tlsSchema } from './tls-options.js'

/** Options of `connectTls`: those of `connect`, and the options of `tls.connect` that concern TLS. */
export type ConnectTlsOptions = ConnectOptions & MultipathOptions & TlsOptions

const schema: Schema = { ...connectSchema, ...multipathSchema, ...tlsSchema }

/**
 * Connects like `connect`, then starts TLS (RFC 8446) on the connection. Takes the options of `tls.connect` that concern TLS.
 * Names are sent as server name (SNI, RFC 6066; addresses never are) and checked against the certificate. `timeout` and
 * `signal` cover the handshake too.
 *
 * @throws NetviaError what `connect` throws; the code of Node's own error where the handshake or the certificate fails, such
 * as `CERT_HAS_EXPIRED`, `DEPTH_ZERO_SELF_SIGNED_CERT`, `ERR_TLS_CERT_ALTNAME_INVALID`, `ECONNRESET`.
 */
export async function connectTls(given: ConnectTlsOptions): Promise<TLSSocket> {
  const options = checkOptions('connectTls', given, schema, ['host', 'port'])
  return withinTimeLimit(options, async (signal, progress) => {
    const { socket } = await dialPaths(options, signal, progress)
    progress.phase = 'TLS handshake'
    return startTls(socket, options, signal)
  })
}

/**
 * Performs the handshake on a connected socket, and closes the socket on any failure. `options` must be checked already.
 * `onHandshake` runs before the certificate is verified, so that callers can report a rejected certificate.
 */
export async function startTls(
  socket: Socket,
  options: ConnectTlsOptions,
  signal: Signal,
  onHandshake?: (secure: TLSSocket, certificate: X509Certificate | undefined) => void,
): Promise<TLSSocket> {
  const address = socket.remoteAddress ?? options.host
  const host = options.host.replace(/%.*/, '')
  const name = isIP(host) ? {} : { servername: wireName(host) }
  let identity: Error | undefined
  const checkServerIdentity: ConnectionOptions['checkServerIdentity'] = (host, certificate) => {
    try {
      identity = (options.checkServerIdentity ?? nodeTls().checkServerIdentity)(host, certificate)
    } catch (error) {
      // Node would throw this error where nobody can catch it.
      identity = error as Error
    }
    // The error may have the certificate.
    if (identity) void (certificate as DetailedPeerCertificate).issuerCertificate
    return identity
  }
  let secure: TLSSocket | undefined
  try {
    const secureContext = options.secureContext ?? secureContextFor(options)
    // The code below verifies the certificate, while it can still read it.
    const own = { secureContext, host, socket, rejectUnauthorized: false, checkServerIdentity }
    secure = outlivingErrors(nodeTls().connect(Object.assign({}, name, pickTls(options), own)))
    // To check the name, Node reads the whole chain, which takes a tenth of a handshake. Its check needs one certificate.
    let verifying = options.checkServerIdentity === undefined
    const read = secure.getPeerCertificate.bind(secure) as TLSSocket['getPeerCertificate']
    const getPeerCertificate = (detailed = false) => (detailed && verifying ? withLateIssuers(read) : read(detailed))
    Object.assign(secure, { getPeerCertificate })
    await handshake(secure, options.device, signal).catch(error => {
      throw signal.aborted || error instanceof NetviaError ? error : handshakeError(error, options, address)
    })
    verifying = false
    const refused = !secure.authorized && mustBeAuthorized(options)
    // Read it once, and only if needed: Node 20 returns it a single time.
    const certificate = refused || onHandshake ? secure.getPeerX509Certificate() : undefined
    onHandshake?.(secure, certificate)
    if (refused) throw certificateError(secure, certificate, identity, options, address)
    return refuseReconnect(reportResets(secure), options.device)
  } catch (error) {
    secure?.destroy()
    socket.destroy()
    throw error
  }
}

/** The server's certificate, with those of its issuers read when somebody asks for them. */
function withLateIssuers(read: TLSSocket['getPeerCertificate']): DetailedPeerCertificate {
  const certificate = read(false) as DetailedPeerCertificate
  const get = () => {
    const { issuerCertificate: value } = read(true)
    Object.defineProperty(certificate, 'issuerCertificate', { value, writable: true })
    return value
  }
  return Object.defineProperty(certificate, 'issuerCertificate', { get, enumerable: true, configurable: true })
}

/** Same default as Node. */
function mustBeAuthorized({ rejectUnauthorized }: ConnectTlsOptions): boolean {
  return rejectUnauthorized ?? process.env.NODE_TLS_REJECT_UNAUTHORIZED !== '0'
}

function handshake(secure: TLSSocket, device: string | undefined, signal: Signal): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    signal.throwIfAborted()
    const onAbort = () => settle(() => reject(signal.reason))
    const onSecure = () => settle(resolve)
    const onError = (error: Error) => settle(() => reject(error))
    const settle = (finish: () => void) => {
      endLossWatch()
      signal.removeEventListener('abort', onAbort)
      secure.off('secureConnect', onSecure)
      secure.off('error', onError)
      finish()
    }
    const onLoss = (error: unknown) => settle(() => reject(error))
    const endLossWatch = onDeviceLoss(descriptorOf(secure), device, onLoss, () => !secure.destroyed)
    signal.addEventListener('abort', onAbort)
    secure.on('secureConnect', onSecure)
    secure.on('error', onError)
  })
}

const tlsNames = Object.keys(tlsSchema) as (keyof TlsOptions)[]

function pickTls(options: ConnectTlsOptions): ConnectionOptions {
  const picked: Record<string, unknown> = {}
  for (const name of tlsNames) if (options[name] !== undefined) picked[name] = options[name]
  return picked
}
