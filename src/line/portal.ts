import { checkHttp } from '../checks/http/check-http.js'
import type { HttpCheckOptions } from '../checks/http/options.js'
import type { LineVerdict } from './verdict.js'

/** Requests a URL whose answer is known, and follows no redirect. */
export async function findCaptivePortal(url: string, options: HttpCheckOptions): Promise<LineVerdict> {
  const { ok, status, captivePortal, error } = await checkHttp(url, { ...options, maxRedirects: 0 })
  if (ok) return { verdict: 'no', evidence: `the answer is the expected one, with status ${status}` }
  if (!captivePortal) return { verdict: 'unknown', evidence: error.message }
  const { evidence, host } = captivePortal
  const words = {
    status: 'the answer has status 511 (Network Authentication Required)',
    redirect: `the answer redirects to ${host}`,
    certificate: `the certificate is for ${host ?? 'another name'}`,
    content: error.message,
  }
  return { verdict: 'yes', evidence: words[evidence] }
}
