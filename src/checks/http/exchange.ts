import { addon } from '../../binding/addon.js'
import { joinHostPort } from '../../errors.js'
import { monotonicNow } from '../../monotonic.js'
import { PlainConnection } from '../../protocols/http/plain-connection.js'
import type { HttpAnswer, HttpQuestion } from '../../protocols/http/question.js'
import { SecureConnection } from '../../protocols/http/secure-connection.js'
import { connectTimeout as connectTimeoutError } from '../../protocols/tcp/connect-errors.js'
import { startTls } from '../../protocols/tcp/connect-tls.js'
import { dialDescriptor, toSocket } from '../../protocols/tcp/dial.js'
import { handshakeError } from '../../protocols/tcp/tls-error.js'
import type { Signal } from '../../runtime/cancel.js'
import { Deadline } from '../../runtime/deadline.js'
import { localAddressOf, remoteAddressOf } from '../../sockets/address.js'
import { boundDevice, verifyDevice } from '../../sockets/open.js'
import { onDeviceLoss } from '../../system/device-loss.js'
import type { HttpCheckPlan, HttpCheckTlsOptions } from './options.js'
import type { HttpRequest } from './redirect.js'
import { guardConnection, guardRedirect } from './redirect-guard.js'
import type { HttpReport } from './result.js'
import { percentDecoded } from './url.js'

/**
 * Sends one request over a new connection, and closes it when `judge` is done with the response. Observations go into the
 * report.
 */
export async function exchange<T>(
  request: HttpRequest,
  plan: HttpCheckPlan,
  report: HttpReport,
  signal: Signal,
  judge: (response: HttpAnswer) => Promise<T>,
): Promise<T> {
  const connection = await connectInTime(request, plan, report, signal)
  let stopWaiting: (() => void) | undefined
  const interrupted = new Promise<never>((_resolve, reject) => {
    const { descriptor } = connection
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
    const endLossWatch = onDeviceLoss(descriptor, plan.device, reject, () => connection.descriptor === descriptor)
    stopWaiting = () => {
      signal.removeEventListener('abort', onAbort)
      endLossWatch()
    }
  })
  const judged = async () => {
    report.awaited = 'response'
    const sent = monotonicNow()
    const response = await connection.ask(questionOf(request)).catch(error => {
      // A server that requires a client certificate says so after the handshake (RFC 8446 section 4.6.2).
      if (!/SSL/.test(error.message)) throw error
      const { device } = plan
      throw handshakeError(error, { ...plan.tls, ...hostAndPort(request), device }, report.remoteAddress!)
    })
    report.add('firstByteMs', monotonicNow() - sent)
    report.responded(response.statusCode)
    return judge(response)
  }
  try {
    signal.throwIfAborted()
    return await Promise.race([judged(), interrupted])
  } finally {
    stopWaiting!()
    connection.destroy()
  }
}

/** An open connection, for one request. */
interface Connection {
  /** -1 once it is closed. */
  readonly descriptor: number
  ask(question: HttpQuestion): Promise<HttpAnswer>
  destroy(): void
}

export function hostAndPort({ url, zone }: HttpRequest): { host: string; port: number } {
  // Only URLs put brackets around IPv6 addresses.
  const address = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const host = zone === undefined ? address : `${address}%${zone}`
  return { host, port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)) }
}

/** The connection, within a time limit of its own if there is one. */
async function connectInTime(
  request: HttpRequest,
  plan: HttpCheckPlan,
  report: HttpReport,
  signal: Signal,
): Promise<Connection> {
  const { connectTimeout, device } = plan
  if (connectTimeout === undefined) return openConnection(request, plan, report, signal)
  const limit = new Deadline(connectTimeout, signal, () => {
    const { host: address, port } = hostAndPort(request)
    return connectTimeoutError(
      { address, port, device },
      report.progress.waitsFor,
      `${report.progress.phase} not done after ${connectTimeout} ms`,
    )
  })
  try {
    return await openConnection(request, plan, report, limit.signal)
  } finally {
    limit.end()
  }
}

async function openConnection(
  request: HttpRequest,
  plan: HttpCheckPlan,
  report: HttpReport,
  signal: Signal,
): Promise<Connection> {
  const { device, localAddress, mark, tos, family, servers, timeout } = plan
  const { host, port } = hostAndPort(request)
  const target = { device, localAddress, mark, tos, host, port, family, servers, timeout, noDelay: true }
  // For a redirected request: the address of the server that redirected.
  const from = report.redirects > 0 ? report.remoteAddress! : undefined
  const refuse = from === undefined ? undefined : (address: string) => guardRedirect(from, address)
  report.awaited = undefined
  report.progress.phase = 'name resolution'
  report.progress.waitsFor.clear()
  target.host = plan.addresses?.[joinHostPort(host, port)] ?? host
  const connected = await dialDescriptor(target, signal, report.progress, refuse)
  const { fd, dnsMs, connectMs } = connected
  try {
    if (device !== undefined) verifyDevice(fd, device)
    // Without a device of ours the kernel may have bound the socket, as systemd can.
    report.device = device ?? (boundDevice(fd) || undefined)
    const ends = { localAddress: localAddressOf(fd), remoteAddress: remoteAddressOf(fd) }
    if (from !== undefined) guardConnection(from, ends)
    report.localAddress = ends.localAddress
    report.remoteAddress = ends.remoteAddress
  } catch (error) {
    addon().close(fd)
    throw error
  }
  report.add('dnsMs', dnsMs)
  report.add('connectMs', connectMs)
  report.certificate = undefined
  report.authenticated = false
  if (request.url.protocol === 'http:') {
    report.add('tlsMs', 0)
    return new PlainConnection(fd, device)
  }
  report.progress.phase = 'TLS handshake'
  const start = monotonicNow()
  const tls = request.trusted ? plan.tls : withoutIdentity(plan.tls)
  const rejectUnauthorized = plan.tls?.rejectUnauthorized ?? true
  const options = Object.assign({}, tls, target, { host, ALPNProtocols: ['http/1.1'], rejectUnauthorized })
  const secured = await startTls(toSocket(connected, target).socket, options, signal, (secure, certificate) => {
    report.add('tlsMs', monotonicNow() - start)
    report.shown(secure, certificate, options.servername || options.host)
  })
  return new SecureConnection(secured)
}

/** Client credentials and `servername` are meant only for the origin that the caller named. */
function withoutIdentity(tls: HttpCheckTlsOptions = {}): HttpCheckTlsOptions {
  const { cert, key, passphrase, pfx, pskCallback, secureContext, servername, session, ...rest } = tls
  return rest
}

function questionOf({ url, method, headers, body }: HttpRequest): HttpQuestion {
  const fields = [['host', url.host], ...basicCredentials(url), ...Object.entries(headers)]
  return { method, path: `${url.pathname}${url.search}`, headers: Object.fromEntries(fields), body }
}

/** Basic credentials (RFC 7617) from a URL. */
function basicCredentials({ username, password }: URL): [name: string, value: string][] {
  if (!username && !password) return []
  const text = [username, password].map(percentDecoded).join(':')
  return [['authorization', `Basic ${Buffer.from(text).toString('base64')}`]]
}
