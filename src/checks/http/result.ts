import type { TLSSocket } from 'node:tls'
import type { NetviaError } from '../../errors.js'
import { monotonicNow } from '../../monotonic.js'
import type { Progress } from '../../protocols/tcp/time-limit.js'

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

/** What matters of a server's certificate (RFC 5280). */
export interface CertificateFacts {
  /** Distinguished name (RFC 4514's order reversed, as OpenSSL prints it): `CN=example.org`. */
  subject: string
  /** Its last second. */
  validTo: Date
  /** Whole days from now until then; negative once it has expired. */
  daysLeft: number
}

/** What `checkHttp` found. */
export interface HttpCheckResult {
  /** The response came in time, with an expected status and body. */
  ok: boolean
  /** Status code of the last response (RFC 9110 section 15); undefined where none came. */
  status: number | undefined
  /** From the call until the header of the last response was there, redirects included, in milliseconds; undefined where none came. */
  latencyMs: number | undefined
  /** Where the time went, in milliseconds. */
  timings: HttpTimings
  /** Source address of the last connection; undefined where none came about. */
  localAddress: string | undefined
  /** Where the last connection led; undefined where none came about. */
  remoteAddress: string | undefined
  /** The device its socket is bound to, read back from the kernel; undefined where it is bound to none. */
  device: string | undefined
  /** The server's, also where it was not accepted; none with plain HTTP. */
  certificate?: CertificateFacts
  /** How many redirects were followed. */
  redirects: number
  /** Bytes of the body that were read, as they came (compressed or not); the rest was not downloaded. */
  bytes: number
  /** Why not; undefined where `ok`. */
  error: NetviaError | undefined
}

/** What a check has found out so far: for the result, whatever way it ends. */
export class HttpReport {
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

  result(error?: NetviaError): HttpCheckResult {
    const { status, localAddress, remoteAddress, device, certificate, redirects, bytes } = this
    return {
      ok: error === undefined,
      status,
      latencyMs: this.#latencyMs,
      timings: { ...this.#timings, totalMs: this.#elapsed() },
      ...{ localAddress, remoteAddress, device },
      ...(certificate && { certificate }),
      ...{ redirects, bytes, error },
    }
  }

  #elapsed(): number {
    return monotonicNow() - this.#start
  }
}

const day = 24 * 60 * 60 * 1000

/** Undefined where the server showed none. */
export function certificateFacts(socket: TLSSocket): CertificateFacts | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (!certificate) return undefined
  const validTo = new Date(certificate.validTo)
  return {
    subject: certificate.subject.replaceAll('\n', ', '),
    validTo,
    daysLeft: Math.floor((validTo.getTime() - Date.now()) / day),
  }
}
