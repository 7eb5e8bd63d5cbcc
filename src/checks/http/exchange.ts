import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { nodeHttp } from '../../builtins.js'
import { joinHostPort } from '../../errors.js'
import { monotonicNow } from '../../monotonic.js'
import { pathOf } from '../../options.js'
import { connectTimeout as connectTimeoutError } from '../../protocols/tcp/connect-errors.js'
import { startTls } from '../../protocols/tcp/connect-tls.js'
import { dial } from '../../protocols/tcp/dial.js'
import { handshakeError } from '../../protocols/tcp/tls-error.js'
import type { Signal } from '../../runtime/cancel.js'
import { Deadline } from '../../runtime/deadline.js'
import { descriptorOf } from '../../sockets/hand-over.js'
import { boundDevice } from '../../sockets/open.js'
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
  judge: (response: IncomingMessage) => Promise<T>,
): Promise<T> {
  const socket = await connectInTime(request, plan, report, signal)
  let onAbort: (() => void) | undefined
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
  })
  const where = { ...hostAndPort(request), device: plan.device }
  const judged = async () => {
    report.awaited = 'response'
    const sent = monotonicNow()
    const response = await send(request, socket).catch(error => {
      // A server that requires a client certificate says so after the handshake (RFC 8446 section 4.6.2).
      throw /SSL/.test(error.message) ? handshakeError(error, { ...plan.tls, ...where }, report.remoteAddress!) : error
    })
    report.add('firstByteMs', monotonicNow() - sent)
    report.responded(response.statusCode!)
    return judge(response)
  }
  try {
    signal.throwIfAborted()
    return await Promise.race([judged(), aborted])
  } finally {
    signal.removeEventListener('abort', onAbort!)
    socket.destroy()
  }
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
): Promise<Socket> {
  const { connectTimeout, device } = plan
  if (connectTimeout === undefined) return openConnection(request, plan, report, signal)
  const limit = new Deadline(connectTimeout, signal, () => {
    const { host: address, port } = hostAndPort(request)
    return connectTimeoutError(
      { address, port, device },
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
): Promise<Socket> {
  const target = { ...pathOf(plan), ...hostAndPort(request), family: plan.family, servers: plan.servers, noDelay: true }
  // For a redirected request: the address of the server that redirected.
  const from = report.redirects > 0 ? report.remoteAddress! : undefined
  const refuse = from === undefined ? undefined : (address: string) => guardRedirect(from, address)
  report.awaited = undefined
  report.progress.phase = 'name resolution'
  const pinned = plan.addresses?.[joinHostPort(target.host, target.port)]
  const timed = { ...target, host: pinned ?? target.host, timeout: plan.timeout }
  const { socket, dnsMs, connectMs } = await dial(timed, signal, report.progress, refuse)
  try {
    // `dial` has just read it back if it was given. Elsewhere the kernel may have bound the socket, as systemd can.
    report.device = plan.device ?? (boundDevice(descriptorOf(socket)) || undefined)
    if (from !== undefined) guardConnection(from, socket)
  } catch (error) {
    socket.destroy()
    throw error
  }
  report.add('dnsMs', dnsMs)
  report.add('connectMs', connectMs)
  report.localAddress = socket.localAddress
  report.remoteAddress = socket.remoteAddress
  report.certificate = undefined
  report.authenticated = false
  if (request.url.protocol === 'http:') {
    report.add('tlsMs', 0)
    return socket
  }
  report.progress.phase = 'TLS handshake'
  const start = monotonicNow()
  const tls = request.trusted ? plan.tls : withoutIdentity(plan.tls)
  const rejectUnauthorized = plan.tls?.rejectUnauthorized ?? true
  const options = { ...tls, ...target, ALPNProtocols: ['http/1.1'], rejectUnauthorized }
  return startTls(socket, options, signal, (secure, certificate) => {
    report.add('tlsMs', monotonicNow() - start)
    report.shown(secure, certificate, options.servername || options.host)
  })
}

/** Client credentials and `servername` are meant only for the origin that the caller named. */
function withoutIdentity(tls: HttpCheckTlsOptions = {}): HttpCheckTlsOptions {
  const { cert, key, passphrase, pfx, pskCallback, secureContext, servername, session, ...rest } = tls
  return rest
}

function send({ url, method, headers, body }: HttpRequest, socket: Socket): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = nodeHttp().request({
      createConnection: () => socket,
      setHost: false,
      method,
      path: `${url.pathname}${url.search}`,
      headers: { host: url.host, ...basicCredentials(url), ...headers } as Record<string, string>,
    })
    outgoing.on('response', resolve)
    // An unrequested 101 counts as a status like any other.
    outgoing.on('upgrade', resolve)
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** Basic credentials (RFC 7617) from a URL. */
function basicCredentials({ username, password }: URL): { authorization?: string } {
  if (!username && !password) return {}
  const text = [username, password].map(percentDecoded).join(':')
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` }
}
