import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { NetviaError } from '../../errors.js'
import { monotonicNow } from '../../monotonic.js'
import { type CertificateFacts, certificateFacts, isFor, namesOf } from '../../protocols/tcp/certificate.js'
import type { Progress } from '../../protocols/tcp/time-limit.js'
import { type CaptivePortal, findPortal, type PortalTraces } from './captive-portal.js'
import type { HttpCheckPlan } from './options.js'

/**
 * How long each part of a check took, in milliseconds, added up over redirects: 0 for a part there was no need for (the name
 * resolution of an address, TLS of plain HTTP), undefined for one that was never finished.
 */
export interface HttpTimings {
  /** Until the first address was known. */
  dnsMs: number | undefined
  /** From then until the TCP connection stood. */
  connectMs: number | undefined
  /** TLS handshake. */
  tlsMs: number | undefined
  /** From sending the request until the header of the response was there. */
  firstByteMs: number | undefined
  /** From the call until the verdict, the body included. */
  totalMs: number
}

/** What `checkHttp` found, good or not. */
export interface HttpCheckFacts {
  /** Where the time went, in milliseconds. */
  timings: HttpTimings
  /** Source address of the last connection; undefined where none came about. */
  localAddress: string | undefined
  /** Where the last connection led; undefined where none came about. */
  remoteAddress: string | undefined
  /** The device its socket is bound to, read back from the kernel; undefined where it is bound to none. */
  device: string | undefined
  /** The server's, also where it was not accepted; none with plain HTTP, or where it can't be read. */
  certificate?: CertificateFacts
  /** How many redirects were followed. */
  redirects: number
  /** Bytes of the body that were read, as they came (compressed or not); the rest was not downloaded. */
  bytes: number
}

/** The response came in time, with an expected status and body. */
export interface HttpCheckSuccess extends HttpCheckFacts {
  ok: true
  /** Status code of the last response (RFC 9110 section 15). */
  status: number
  /** From the call until the header of the last response was there, redirects included, in milliseconds. */
  latencyMs: number
  error: undefined
  captivePortal?: undefined
}

/** No response, or not the expected one. */
export interface HttpCheckFailure extends HttpCheckFacts {
  ok: false
  /** Status code of the last response; undefined where none came. */
  status: number | undefined
  /** From the call until the header of the last response was there, in milliseconds; undefined where none came. */
  latencyMs: number | undefined
  /** Why. */
  error: NetviaError
  /** What speaks for a captive portal, or for something else that answered in the server's place; missing where nothing does. */
  captivePortal?: CaptivePortal
}

/** What `checkHttp` found: `ok` says which of the two. */
export type HttpCheckResult = HttpCheckSuccess | HttpCheckFailure

/** What a check has found out so far: for the result, whatever way it ends. */
export class HttpReport implements PortalTraces {
  /** How far the connection has come, and what is awaited on it once it stands. */
  readonly progress: Progress = { phase: 'name resolution' }
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
  /** The other end of the last connection has proved who it is. */
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

  /** A header is there. */
  responded(status: number): void {
    this.status = status
    this.#latencyMs = this.#elapsed()
  }

  /** A handshake is done, and the certificate not judged yet. */
  shown({ authorized }: TLSSocket, certificate: X509Certificate | undefined, host: string): void {
    this.certificate = certificate && certificateFacts(certificate)
    this.authenticated = authorized
    if (certificate && !authorized && !isFor(certificate, host)) this.foreignName = namesOf(certificate)[0] ?? ''
  }

  success(): HttpCheckSuccess {
    return { ok: true, status: this.status!, latencyMs: this.#latencyMs!, ...this.#facts(), error: undefined }
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
    return {
      timings: { ...this.#timings, totalMs: this.#elapsed() },
      ...{ localAddress, remoteAddress, device },
      ...(certificate && { certificate }),
      ...{ redirects, bytes },
    }
  }

  #elapsed(): number {
    return monotonicNow() - this.#start
  }
}
