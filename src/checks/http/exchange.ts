import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { nodeHttp } from '../../builtins.js'
import { monotonicNow } from '../../monotonic.js'
import { pathOf } from '../../options.js'
import { startTls, tlsError } from '../../protocols/tcp/connect-tls.js'
import { dial } from '../../protocols/tcp/dial.js'
import { descriptorOf } from '../../sockets/hand-over.js'
import { mappedIPv4, parseIP } from '../../sockets/ip.js'
import { boundDevice } from '../../sockets/open.js'
import type { HttpCheckPlan, HttpCheckTlsOptions } from './options.js'
import { type HttpRequest, redirectError } from './redirect.js'
import { certificateFacts, type HttpReport } from './result.js'

/**
 * One request over a fresh connection, which is closed when `judge` is done with the response. What is found out on the way
 * goes into the report.
 */
export async function exchange<T>(
  request: HttpRequest,
  plan: HttpCheckPlan,
  report: HttpReport,
  signal: AbortSignal,
  judge: (response: IncomingMessage) => Promise<T>,
): Promise<T> {
  const socket = await openConnection(request, plan, report, signal)
  let onAbort: (() => void) | undefined
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
  })
  const judged = async () => {
    report.awaited = 'response'
    const sent = monotonicNow()
    const response = await send(request, socket)
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

export function hostAndPort({ url }: HttpRequest): { host: string; port: number } {
  // An IPv6 address has brackets in a URL, and only there.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)) }
}

async function openConnection(
  request: HttpRequest,
  plan: HttpCheckPlan,
  report: HttpReport,
  signal: AbortSignal,
): Promise<Socket> {
  const target = { ...pathOf(plan), ...hostAndPort(request), family: plan.family, servers: plan.servers, noDelay: true }
  report.awaited = undefined
  report.progress.phase = 'name resolution'
  const { socket, dnsMs, connectMs } = await dial(target, signal, report.progress)
  try {
    report.device = boundDevice(descriptorOf(socket)) || undefined
    refuseLocalRedirect(request, socket, report)
  } catch (error) {
    socket.destroy()
    throw error
  }
  report.add('dnsMs', dnsMs)
  report.add('connectMs', connectMs)
  report.localAddress = socket.localAddress
  report.remoteAddress = socket.remoteAddress
  report.certificate = undefined
  if (request.url.protocol === 'http:') {
    report.add('tlsMs', 0)
    return socket
  }
  report.progress.phase = 'TLS handshake'
  const start = monotonicNow()
  const tls = request.trusted ? plan.tls : withoutIdentity(plan.tls)
  // Verified all the same, but below: a certificate that is not accepted is worth telling about.
  const options = { ...tls, ...target, ALPNProtocols: ['http/1.1'], rejectUnauthorized: false }
  const secure = await startTls(socket, options, signal)
  report.add('tlsMs', monotonicNow() - start)
  report.certificate = certificateFacts(secure)
  if (!secure.authorized && plan.tls?.rejectUnauthorized !== false) {
    secure.destroy()
    const code = String(secure.authorizationError)
    throw tlsError(
      Object.assign(new Error('the certificate is not accepted'), { code }),
      options,
      report.remoteAddress!,
    )
  }
  return secure
}

/**
 * A server elsewhere may not use a check to reach what only this machine or its links can: its own services, or those of
 * cloud providers and modems at link-local addresses. Judged by where the connection led, so that no name gets around it.
 */
function refuseLocalRedirect({ trusted }: HttpRequest, { remoteAddress }: Socket, report: HttpReport): void {
  if (trusted || !isLocal(remoteAddress) || isLocal(report.remoteAddress)) return
  throw redirectError('the redirect leads to this machine or to a link-local address')
}

function isLocal(address = '0.0.0.0'): boolean {
  const bytes = parseIP(address)
  const text = mappedIPv4(bytes) ?? address
  if (!text.includes(':')) return /^(0|127|169\.254)\./.test(text)
  // `::`, `::1` and fe80::/10.
  return bytes.subarray(0, 15).every(byte => byte === 0) ? bytes[15]! <= 1 : bytes[0] === 0xfe && bytes[1]! >> 6 === 2
}

/** What proves who we are, and the name that one server goes by, are for the origin that the caller named. */
function withoutIdentity(tls: HttpCheckTlsOptions = {}): HttpCheckTlsOptions {
  const { cert, key, passphrase, pfx, pskCallback, secureContext, servername, session, ...rest } = tls
  return rest
}

function send({ url, method, headers }: HttpRequest, socket: Socket): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = nodeHttp().request({
      createConnection: () => socket,
      setHost: false,
      method,
      path: `${url.pathname}${url.search}`,
      headers: { host: url.host, ...basicCredentials(url), ...headers } as Record<string, string>,
    })
    outgoing.on('response', resolve)
    // 101, which nobody asked for: a status like any other.
    outgoing.on('upgrade', resolve)
    outgoing.on('error', reject)
    outgoing.end()
  })
}

/** RFC 7617, of a URL that carries them. */
function basicCredentials({ username, password }: URL): { authorization?: string } {
  if (!username && !password) return {}
  const text = [username, password].map(percentDecoded).join(':')
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` }
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
