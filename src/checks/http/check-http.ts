import { firstRequest, type HttpCheckOptions, planHttpCheck } from './options.js'
import type { HttpCheckResult } from './result.js'

/**
 * Requests a URL and judges the response (HTTP/1.1, RFC 9112). Every packet uses the path, including name resolution. Each
 * request opens a new connection, because an old one would say little about the network now.
 *
 * Results from the network are values. No answer in time, a refused or reset connection, a rejected certificate, and an
 * unexpected status or body give `ok: false` with an `error`. Its code comes from `connectTls`, `resolve`, Node's HTTP parser
 * (`HPE_…`) or zlib, or is `ERR_HTTP_STATUS`, `ERR_HTTP_BODY` or `ERR_HTTP_REDIRECT`. Errors contain no part of a URL except
 * host and port.
 *
 * @throws NetviaError for local errors: bad options; `ENODEV` if the device doesn't exist; `EPERM` without permission;
 * `signal.reason` when aborted.
 */
export async function checkHttp(url: string | URL, options: HttpCheckOptions = {}): Promise<HttpCheckResult> {
  const plan = planHttpCheck(options)
  const request = firstRequest(url, plan)
  const { runHttpCheck } = await import('./run.js')
  return runHttpCheck(request, plan)
}
