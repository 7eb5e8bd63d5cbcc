import { NetviaError } from '../errors.js'
import { integer, longestTimer, number, type Schema } from '../options.js'
import { checkPingOptions, type PingOptions, pingSchema } from '../protocols/icmp/ping-options.js'
import { pings } from '../protocols/icmp/pings.js'
import type { PingResult } from '../protocols/icmp/result.js'
import { type PingStatistics, RttCounter } from '../stats.js'
import { judge } from './outcome.js'

export interface PingCheckOptions extends PingOptions {
  /** Number of requests. Default: 3. */
  count?: number
  /** Milliseconds between requests. Default: 200. */
  interval?: number
  /**
   * Maximum acceptable loss, 0-1. Default: any, as long as one reply comes. A request this machine did not send is not loss,
   * but doesn't prove the limit either. With too many of them, the check fails with the error that refused them.
   */
  maxLossRatio?: number
  /** Maximum acceptable mean round trip, in milliseconds. Default: any. */
  maxRttMs?: number
}

/** A reply came, and loss and round trip are within the limits. */
export interface PingCheckSuccess {
  /** The check passed. */
  ok: true
  /** Mean round trip, in milliseconds. */
  latencyMs: number
  /** Statistics of all its requests. */
  statistics: PingStatistics
  /** A check that passed has no error. */
  error: undefined
}

/** No reply came, or loss or round trip exceed the limits. */
export interface PingCheckFailure {
  /** The check failed: `error` says why. */
  ok: false
  /** Mean round trip, in milliseconds; undefined without a reply. */
  latencyMs: number | undefined
  /** Statistics of all its requests. */
  statistics: PingStatistics
  /** Why the check failed. */
  error: NetviaError
}

/** The result of `checkPing`. `ok` distinguishes the two kinds. */
export type PingCheckResult = PingCheckSuccess | PingCheckFailure

/** The monitor's checks use it too. */
const pingCheckSchema = {
  ...pingSchema,
  count: integer(1, 100_000),
  interval: number(0.1, longestTimer),
  maxLossRatio: number(0, 1),
  maxRttMs: number(0, Number.MAX_VALUE),
} satisfies Schema

/**
 * Pings a host a few times and judges the replies (RFC 792, RFC 4443). Results from the network are values. The result is `ok:
 * false` with an `error` if no reply comes (`ETIMEDOUT`, or `EHOSTUNREACH` with a router's report), loss is too high
 * (`ERR_PING_LOSS`), replies are too slow (`ERR_PING_RTT`), this machine didn't send a request, or the name is unknown.
 *
 * @throws NetviaError as `ping`, for local errors: bad options; `ENODEV` if the device doesn't exist; `EPERM` or `EACCES`
 * without permission for either kind of socket; `signal.reason` when aborted.
 */
export async function checkPing(host: string, given: PingCheckOptions = {}): Promise<PingCheckResult> {
  const options = checkPingOptions('checkPing', host, given, pingCheckSchema)
  const { count = 3, interval = 200, maxLossRatio, maxRttMs, ...rest } = options
  let statistics = new RttCounter().snapshot()
  const result = (error?: NetviaError): PingCheckResult => {
    const latencyMs = statistics.avgMs
    if (error) return { ok: false, latencyMs, statistics, error }
    return { ok: true, latencyMs: latencyMs!, statistics, error }
  }
  return judge<PingCheckResult>(
    options.signal,
    options.device,
    async () => {
      const series = pings(host, { ...rest, count, interval })
      let last: PingResult | undefined
      let refusal: NetviaError | undefined
      for await (const answer of series) {
        last = answer
        refusal = answer.error ?? refusal
      }
      statistics = series.statistics
      return result(verdict(last!, refusal, statistics, { maxLossRatio, maxRttMs, device: options.device }))
    },
    result,
  )
}

type Limits = Pick<PingCheckOptions, 'maxLossRatio' | 'maxRttMs' | 'device'>

/** Returns undefined if all is well. */
function verdict(
  last: PingResult,
  refusal: NetviaError | undefined,
  { received, sent, unsent, lossRatio, avgMs }: PingStatistics,
  { maxLossRatio = 1, maxRttMs = Number.POSITIVE_INFINITY, device }: Limits,
): NetviaError | undefined {
  const where = { address: last.address, device }
  if (received === 0) {
    if (last.outcome === 'send-failed') return last.error
    const [code, why] =
      last.outcome === 'timeout' ? ['ETIMEDOUT', 'no reply'] : ['EHOSTUNREACH', `${last.reason} (from ${last.from})`]
    return new NetviaError(`ping ${code}: ${why} (${last.address}${device ? ` on device ${device}` : ''})`, {
      ...{ code, syscall: 'ping', ...where },
    })
  }
  if (lossRatio! > maxLossRatio) {
    const message = `${sent - received} of ${sent} requests were lost; ${maxLossRatio} of them may be`
    return new NetviaError(message, { code: 'ERR_PING_LOSS', ...where })
  }
  // Requests that were not sent can't prove that loss is within the limit.
  if (unsent > 0 && (sent - received + unsent) / (sent + unsent) > maxLossRatio) return refusal
  if (avgMs! > maxRttMs) {
    const message = `the mean round trip is ${avgMs!.toFixed(3)} ms; ${maxRttMs} ms are allowed`
    return new NetviaError(message, { code: 'ERR_PING_RTT', ...where })
  }
  return undefined
}
