import { firstRequest, type HttpCheckOptions, planHttpCheck } from './options.js'
import type { HttpCheckResult } from './result.js'

/**
 * Asks a URL and judges the response (HTTP/1.1, RFC 9112), every packet over the path, name resolution included. Each request
 * is made on a connection of its own: a check that goes over a connection of yesterday says little about today.
 *
 * What the network says is a value: no answer in time, refused, reset, a certificate that is not accepted, an unexpected status
 * or body are `ok: false` with an `error`: the codes of `connectTls` and `resolve`, those of Node's HTTP parser (`HPE_…`) and of
 * zlib, `ERR_HTTP_STATUS`, `ERR_HTTP_BODY`, `ERR_HTTP_REDIRECT`. No error holds anything of a URL but host and port.
 *
 * @throws NetviaError for what is wrong here: bad options, `ENODEV` no such device, `EPERM` no permission; `signal.reason` when
 * aborted.
 */
export async function checkHttp(url: string | URL, options: HttpCheckOptions = {}): Promise<HttpCheckResult> {
  const plan = planHttpCheck(options)
  const request = firstRequest(url, plan)
  const { runHttpCheck } = await import('./run.js')
  return runHttpCheck(request, plan)
}
