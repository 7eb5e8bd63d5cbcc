import { joinHostPort, NetviaError, shown } from '../../errors.js'
import type { HttpAnswer } from '../../protocols/http/question.js'
import { withHint } from '../../protocols/tcp/connect-errors.js'
import type { Signal } from '../../runtime/cancel.js'
import { Deadline } from '../../runtime/deadline.js'
import { deviceDown } from '../../system/device-down.js'
import { anyMatches, matchLimitMs } from '../match.js'
import { judge } from '../outcome.js'
import { readBody } from './body.js'
import { otherHost } from './captive-portal.js'
import { exchange, hostAndPort } from './exchange.js'
import type { HttpCheckPlan } from './options.js'
import { type HttpRequest, isRedirect, redirectError, redirectOf } from './redirect.js'
import { type HttpCheckResult, HttpReport } from './result.js'

/** Runs a check from the first request to the verdict. */
export async function runHttpCheck(first: HttpRequest, plan: HttpCheckPlan): Promise<HttpCheckResult> {
  let request = first
  const report = new HttpReport()
  const deadline = new Deadline(plan.timeout, plan.signal, () => timedOut(request, plan, report))
  const follow = async (): Promise<HttpCheckResult> => {
    for (;;) {
      const next = await exchange(request, plan, report, deadline.signal, response =>
        judgeResponse(request, response, plan, report, deadline.signal),
      )
      if (!next) return report.success()
      request = next
      report.redirects++
    }
  }
  try {
    return await judge<HttpCheckResult>(plan.signal, plan.device, follow, error => report.failure(error, plan))
  } finally {
    deadline.end()
  }
}

/** Returns the next request, or nothing if all is well. Throws if the response is bad. */
async function judgeResponse(
  request: HttpRequest,
  response: HttpAnswer,
  plan: HttpCheckPlan,
  report: HttpReport,
  signal: Signal,
): Promise<HttpRequest | undefined> {
  if (!report.authenticated && isRedirect(response)) report.sentTo ??= otherHost(request, response)
  const next = plan.maxRedirects > 0 ? redirectOf(request, response) : undefined
  if (next && report.redirects === plan.maxRedirects) throw redirectError(`more than ${plan.maxRedirects} redirects`)
  if (next) return next
  const status = response.statusCode
  const [lowest, highest] =
    typeof plan.expectStatus === 'number' ? [plan.expectStatus, plan.expectStatus] : plan.expectStatus
  if (status < lowest || status > highest) {
    report.unexpected = !report.authenticated && status >= 200 && status <= 299
    const expected = lowest === highest ? lowest : `${lowest} to ${highest}`
    throw new NetviaError(`the status is ${status}, expected ${expected}`, { code: 'ERR_HTTP_STATUS' })
  }
  if (plan.maxBodyBytes === 0 || status === 101) return undefined
  report.awaited = 'body'
  const { expectBody } = plan
  const body = await readBody(response, plan.maxBodyBytes, expectBody !== undefined)
  report.bytes = body.bytes
  if (expectBody === undefined) return undefined
  const found = await anyMatches([body.text!], expectBody, { signal })
  signal.throwIfAborted()
  if (found === undefined) {
    const message = `expectBody takes more than ${matchLimitMs} ms to match this body`
    throw new NetviaError(message, { code: 'ERR_HTTP_BODY' })
  }
  if (!found) {
    report.unexpected = !report.authenticated
    const where = body.cut ? ` within its first ${plan.maxBodyBytes} bytes` : ''
    const coded = body.unknown === undefined ? '' : `; its content coding ${shown(body.unknown)} is unknown`
    throw new NetviaError(`the body does not have the expected text${where}${coded}`, { code: 'ERR_HTTP_BODY' })
  }
  return undefined
}

function timedOut(
  request: HttpRequest,
  { timeout, device }: HttpCheckPlan,
  { awaited, progress }: HttpReport,
): NetviaError {
  const { host, port } = hostAndPort(request)
  const down = deviceDown('HTTP', { port, device }, [...progress.waitsFor])
  if (down) return down
  const dns =
    awaited === undefined && progress.phase === 'name resolution' ? progress.unanswered?.('ETIMEDOUT') : undefined
  if (dns) return withHint(dns, `the time of ${timeout} ms altogether is over`)
  const where = `${joinHostPort(host, port)}${device === undefined ? '' : ` on device ${device}`}`
  return new NetviaError(
    `HTTP ETIMEDOUT: ${awaited ?? progress.phase} not done after ${timeout} ms altogether (${where})`,
    {
      ...{ code: 'ETIMEDOUT', port, device },
      ...(/^[\d.]+$|:/.test(host) ? { address: host } : { hostname: host }),
    },
  )
}
