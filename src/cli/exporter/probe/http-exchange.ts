import type { Socket } from 'node:net'
import { redirectStatuses } from '../../../checks/http/redirect.js'
import { monotonicNow } from '../../../monotonic.js'
import { PlainConnection } from '../../../protocols/http/plain-connection.js'
import type { HttpModule } from '../config/http.js'
import { openConnection, openPlain, using } from './connection.js'
import { Cookies, credentialsOf, headersOf } from './http-headers.js'
import { ask, type HttpAnswer } from './http-request.js'
import { Failed, type Probe } from './probe.js'
import { secureConnection, type TlsFacts } from './tls.js'

/** A request of the probe, perhaps after redirects. */
interface Step {
  url: URL
  /** The host to connect to: the address chosen for the target, or the name in a redirect. */
  host: string
  /** Server name for the TLS handshake. */
  name: string
  hostHeader: string
  method: string
  body: Buffer | undefined
}

export interface Final {
  answer: HttpAnswer
  tls: TlsFacts | undefined
  method: string
  /** The answer is a redirect that the probe doesn't follow. */
  stopped: boolean
  responseAt: number
}

export interface FirstRequest {
  url: URL
  address: string
  body: Buffer | undefined
}

const mostRedirects = 10

/** Sends the requests of one probe, up to the answer that counts. */
export class HttpExchange {
  redirects = 0
  readonly #probe: Probe
  readonly #module: HttpModule
  readonly #userAgent: string
  readonly #cookies = new Cookies()
  readonly #addPhase: (phase: string, ms: number) => void

  constructor(probe: Probe, module: HttpModule, userAgent: string, addPhase: (phase: string, ms: number) => void) {
    this.#probe = probe
    this.#module = module
    this.#userAgent = userAgent
    this.#addPhase = addPhase
  }

  /** Passes the last answer to `judge` while its connection is open. */
  async run({ url, address, body }: FirstRequest, judge: (final: Final) => Promise<void>): Promise<void> {
    const headers = headersOf(this.#module, this.#userAgent)
    const hostHeader = this.#probe.hostname ?? headers.host ?? url.host
    const name = headers.host ?? this.#probe.hostname ?? bare(url.hostname)
    const method = this.#module.method || 'GET'
    let step: Step | undefined = { url, host: address, name, hostHeader, method, body }
    const own = bare(url.hostname)
    while (step) {
      const isOwn: boolean = step.host === address || bare(step.url.hostname) === own
      const fields = { ...(isOwn && credentialsOf(this.#module, url)), ...headers }
      step = await this.#once(step, fields, isOwn, judge)
    }
  }

  async #once(
    step: Step,
    headers: Record<string, string>,
    isOwn: boolean,
    judge: (final: Final) => Promise<void>,
  ): Promise<Step | undefined> {
    const { url, host, method, body } = step
    this.#probe.log('Making an HTTP request', { url: url.href, method, host: step.hostHeader })
    const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
    const open = url.protocol === 'https:' ? openConnection : openPlain
    const { socket, dnsMs, connectMs } = await open(this.#probe, host, port)
    return using(socket, this.#probe.signal, async () => {
      this.#addPhase('resolve', dnsMs)
      this.#addPhase('connect', connectMs)
      const tls = socket instanceof PlainConnection ? undefined : await this.#secure(socket, step)
      const connected = monotonicNow()
      const given = isOwn ? headers : withoutCredentials(headers)
      const ofConnection = { host: step.hostHeader, connection: 'close' }
      const all = Object.assign({ ...given }, this.#cookies.header(host), ofConnection)
      const answer = await ask(tls?.secure ?? socket, { url, method, headers: all, body })
      const responseAt = monotonicNow()
      this.#addPhase('processing', responseAt - connected)
      this.#probe.log('Received an HTTP response', { status: answer.status })
      this.#cookies.take(host, answer.headers['set-cookie'])
      const next = this.#next(step, answer)
      if (next === undefined || next === 'stop') {
        await judge({ answer, tls, method, stopped: next === 'stop', responseAt })
        return undefined
      }
      return next
    })
  }

  async #secure(plain: Socket, { name }: Step): Promise<TlsFacts> {
    const start = monotonicNow()
    const protocols = this.#module.enable_http2 === false ? ['http/1.1'] : ['h2', 'http/1.1']
    const facts = await secureConnection(plain, name, this.#module.tls_config, this.#probe, protocols)
    this.#addPhase('tls', monotonicNow() - start)
    return facts
  }

  #next(step: Step, { status, headers }: HttpAnswer): Step | 'stop' | undefined {
    const location = headers.location?.[0]
    if (!redirectStatuses.has(status) || !location) return undefined
    this.redirects++
    this.#probe.log('Received a redirect', { location })
    const { follow_redirects = true, no_follow_redirects = !follow_redirects } = this.#module
    if (no_follow_redirects || this.redirects > mostRedirects) return 'stop'
    if (!URL.canParse(location, step.url.href)) throw new Failed('the redirect leads to no URL')
    const url = new URL(location, step.url)
    if (!/^https?:$/.test(url.protocol)) throw new Failed(`the redirect leads to ${url.protocol}`)
    const kept = status > 303 || step.method === 'GET' || step.method === 'HEAD'
    const request = { url, method: kept ? step.method : 'GET', body: status > 303 ? step.body : undefined }
    // A location without a host stays on the same connection.
    const relative = !/^([a-z][a-z\d+.-]*:)?\/\//i.test(location)
    if (relative) return { ...step, ...request }
    return { ...request, host: bare(url.hostname), name: bare(url.hostname), hostHeader: url.host }
  }
}

function withoutCredentials({ authorization, cookie, ...rest }: Record<string, string>): Record<string, string> {
  return rest
}

/** Only URLs put brackets around IPv6 addresses. */
function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}
