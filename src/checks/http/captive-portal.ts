import type { NetviaError } from '../../errors.js'
import type { HttpAnswer } from '../../protocols/http/question.js'
import type { HttpCheckPlan } from './options.js'
import { type HttpRequest, locationOf } from './redirect.js'

/**
 * Evidence that something on the path answered in the server's place, as sign-in pages in hotels, trains and mobile networks
 * do. It is no proof: the server may be misconfigured.
 */
export interface CaptivePortal {
  /**
   * The kind of evidence. `status`: 511 Network Authentication Required (RFC 6585 section 6). `redirect`: the check was
   * redirected to another host. `certificate`: it is valid for other names and was rejected. `content`: a successful status
   * other than the expected one, or another body.
   */
  evidence: 'status' | 'redirect' | 'certificate' | 'content'
  /**
   * For a redirect, the host (and port) it leads to. For a certificate, the first name it is valid for. Otherwise undefined.
   */
  host: string | undefined
}

/** Observations during a check that point to a captive portal. */
export interface PortalTraces {
  status: number | undefined
  /** Redirect target from an answer that anything on the path could have sent. */
  sentTo: string | undefined
  /** The other end of the last connection has proved its identity. */
  authenticated: boolean
  /** First name of a rejected certificate that is for another name; empty if it has none. */
  foreignName: string | undefined
  /** An answer that anything on the path could have sent was successful, but not the expected one. */
  unexpected: boolean
}

/** Looks for a portal behind a failed check. Returns undefined without evidence. */
export function findPortal(traces: PortalTraces, plan: HttpCheckPlan, error: NetviaError): CaptivePortal | undefined {
  const { status, sentTo, authenticated, foreignName, unexpected } = traces
  // A portal's own page may have a certificate that is accepted.
  if (status === 511 && (!authenticated || sentTo !== undefined)) return { evidence: 'status', host: sentTo }
  if (sentTo !== undefined && expectsJustThis(plan)) return { evidence: 'redirect', host: sentTo }
  if (foreignName !== undefined && error.syscall === 'TLS handshake')
    return { evidence: 'certificate', host: foreignName || undefined }
  if (unexpected && /^ERR_HTTP_(STATUS|BODY)$/.test(error.code)) return { evidence: 'content', host: undefined }
  return undefined
}

/** If any page is accepted, so is any redirect. */
function expectsJustThis({ expectStatus, expectBody }: HttpCheckPlan): boolean {
  if (expectBody !== undefined || typeof expectStatus === 'number') return true
  return expectStatus[0] === expectStatus[1]
}

/** Host and port of a redirect to another host. A subdomain of the host, or its parent domain, doesn't count as another. */
export function otherHost(request: HttpRequest, response: HttpAnswer): string | undefined {
  const target = locationOf(request, response)
  if (!target) return undefined
  const [from, to] = [request.url.hostname, target.url.hostname]
  return from === to || from.endsWith(`.${to}`) || to.endsWith(`.${from}`) ? undefined : target.url.host
}
