import type { IncomingMessage } from 'node:http'
import type { NetviaError } from '../../errors.js'
import type { HttpCheckPlan } from './options.js'
import { type HttpRequest, locationOf } from './redirect.js'

/**
 * Evidence that something between here and the server answered in its place, as the sign-in page of a hotel's, a train's or a
 * mobile provider's network does. Evidence, no proof: a server may be set up wrongly, too.
 */
export interface CaptivePortal {
  /**
   * What gave it away. `status`: 511 Network Authentication Required (RFC 6585 section 6). `redirect`: the check was sent to
   * another host. `certificate`: it is for other names, and was not accepted. `content`: another successful status than the one
   * expected, or another body.
   */
  evidence: 'status' | 'redirect' | 'certificate' | 'content'
  /** Of a redirect the host (and port) it leads to, of a certificate the first name it is for. Undefined: there is none. */
  host: string | undefined
}

/** What a check has seen that a portal may have said. */
export interface PortalTraces {
  status: number | undefined
  /** Where an answer that anyone on the path could have given sends us. */
  sentTo: string | undefined
  /** First name of a certificate that was not accepted and is for another name; empty if it has none. */
  foreignName: string | undefined
  /** An answer that anyone on the path could have given was successful, but not the expected one. */
  unexpected: boolean
}

/** Of a failed check. Undefined: nothing speaks for a portal. */
export function findPortal(traces: PortalTraces, plan: HttpCheckPlan, error: NetviaError): CaptivePortal | undefined {
  const { status, sentTo, foreignName, unexpected } = traces
  if (status === 511) return { evidence: 'status', host: sentTo }
  if (sentTo !== undefined && expectsJustThis(plan)) return { evidence: 'redirect', host: sentTo }
  if (foreignName !== undefined && error.syscall === 'TLS handshake')
    return { evidence: 'certificate', host: foreignName || undefined }
  if (unexpected && /^ERR_HTTP_(STATUS|BODY)$/.test(error.code)) return { evidence: 'content', host: undefined }
  return undefined
}

/** Any redirect is fine where any page is. */
function expectsJustThis({ expectStatus, expectBody }: HttpCheckPlan): boolean {
  if (expectBody !== undefined || typeof expectStatus === 'number') return true
  return expectStatus[0] === expectStatus[1]
}

/** The host and port of a redirect to another host, unless one of the two is a subdomain of the other. */
export function otherHost(request: HttpRequest, response: IncomingMessage): string | undefined {
  const target = locationOf(request, response)
  if (!target) return undefined
  const [from, to] = [request.url.hostname, target.url.hostname]
  return from === to || from.endsWith(`.${to}`) || to.endsWith(`.${from}`) ? undefined : target.url.host
}
