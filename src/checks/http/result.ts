import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { NetviaError } from '../../errors.js'
import { monotonicNow } from '../../monotonic.js'
import { type CertificateFacts, certificateFacts, isFor, namesOf } from '../../protocols/tcp/certificate.js'
import { newProgress } from '../../protocols/tcp/time-limit.js'
import { type CaptivePortal, findPortal, type PortalTraces } from './captive-portal.js'
import type { HttpCheckPlan } from './options.js'

/**
 * Duration of each part of a check in milliseconds, summed over redirects. It is 0 for a part that wasn't needed (resolving an
 * address, TLS for plain HTTP), and undefined for one that never finished.
 */
export interface HttpTimings {
  /** Until the first address was known. */
  dnsMs: number | undefined
  /** From then until the TCP connection was established. */
  connectMs: number | undefined
  /** TLS handshake. */
  tlsMs: number | undefined
  /** From sending the request until the response header arrived. */
  firstByteMs: number | undefined
  /** From the call until the verdict, including the body. */
  totalMs: number
}

/** The fields of every `checkHttp` result. */
export interface HttpCheckFacts {
  /** The duration of each part, in milliseconds. */
  timings: HttpTimings
  /** Source address of the last connection; undefined if none was established. */
  localAddress: string | undefined
  /** Destination of the last connection; undefined if none was established. */
  remoteAddress: string | undefined
  /** The device its socket is bound to, read back from the kernel; undefined if unbound. */
  device: string | undefined
  /** The server's certificate, even if it was rejected; missing for plain HTTP, or if it can't be read. */
  certificate?: CertificateFacts
  /** How many redirects were followed. */
  redirects: number
  /** Bytes of the body that were read, as on the wire (compressed or not). The rest was not downloaded. */
  bytes: number
}

/** The response came in time, with an expected status and body. */
export interface HttpCheckSuccess extends HttpCheckFacts {
  /** The check passed. */
  ok: true
  /** Status code of the last response (RFC 9110 section 15). */
  status: number
  /** Milliseconds from the call until the last response's header arrived, including redirects. */
  latencyMs: number
  /** A check that passed has no error. */
  error: undefined
  /** Only a failed check can have evidence of a portal. */
  captivePortal?: undefined
}

/** No response came, or not the expected one. */
export interface HttpCheckFailure extends HttpCheckFacts {
  /** The check failed: `error` says why. */
  ok: false
  /** Status code of the last response; undefined without one. */
  status: number | undefined
  /** Milliseconds from the call until the last response's header arrived; undefined without one. */
  latencyMs: number | undefined
  /** Why the check failed. */
  error: NetviaError
  /** Evidence of a captive portal, or of something else that answered in the server's place; missing without evidence. */
  captivePortal?: CaptivePortal
}

/** The result of `checkHttp`. `ok` distinguishes the two kinds. */
export type HttpCheckResult = HttpCheckSuccess | HttpCheckFailure

/** Collects what a check observes, for the result, however the check ends. */
export class HttpReport implements PortalTraces {
  /** The progress of the connection, and what it waits for once established. */
  readonly progress = newProgress()
  awaited: 'response' | 'body' | undefined
  redirects = 0
  bytes = 0
  localAddress: string | undefined
  remoteAddress: string | undefined
  device: string | undefined
  certificate: CertificateFacts | undefined
  status: number | undefined
  sentTo: string | undefined
  foreignName: string | undefined
  unexpected = false
  /** Whether the other end of the last connection has proved its identity. */
  authenticated = false
  readonly #start = monotonicNow()
  readonly #timings: Omit<HttpTimings, 'totalMs'> = {
    dnsMs: undefined,
    connectMs: undefined,
    tlsMs: undefined,
    firstByteMs: undefined,
  }
  #latencyMs: number | undefined

  add(part: keyof Omit<HttpTimings, 'totalMs'>, milliseconds: number): void {
    this.#timings[part] = (this.#timings[part] ?? 0) + milliseconds
  }

  /** A response header has arrived. */
  responded(status: number): void {
    this.status = status
    this.#latencyMs = this.#elapsed()
  }

  /** A handshake is complete, and the certificate not judged yet. */
  shown({ authorized }: TLSSocket, certificate: X509Certificate | undefined, host: string): void {
    this.certificate = certificate && certificateFacts(certificate)
    this.authenticated = authorized
    if (certificate && !authorized && !isFor(certificate, host)) this.foreignName = namesOf(certificate)[0] ?? ''
  }

  success(): HttpCheckSuccess {
    const verdict = { ok: true as const, status: this.status!, latencyMs: this.#latencyMs! }
    return Object.assign(verdict, this.#facts(), { error: undefined })
  }

  failure(error: NetviaError, plan: HttpCheckPlan): HttpCheckFailure {
    const captivePortal = findPortal(this, plan, error)
    return {
      ...{ ok: false, status: this.status, latencyMs: this.#latencyMs, ...this.#facts(), error },
      ...(captivePortal && { captivePortal }),
    }
  }

  #facts(): HttpCheckFacts {
    const { localAddress, remoteAddress, device, certificate, redirects, bytes } = this
    const { dnsMs, connectMs, tlsMs, firstByteMs } = this.#timings
    const timings = { dnsMs, connectMs, tlsMs, firstByteMs, totalMs: this.#elapsed() }
    const ends = { timings, localAddress, remoteAddress, device }
    return Object.assign(ends, certificate && { certificate }, { redirects, bytes })
  }

  #elapsed(): number {
    return monotonicNow() - this.#start
  }
}
