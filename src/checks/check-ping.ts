import { NetviaError } from '../errors.js'
import { integer, longestTimer, number, type Schema } from '../options.js'
import { checkPingOptions, type PingOptions, pingSchema } from '../protocols/icmp/ping-options.js'
import { pings } from '../protocols/icmp/pings.js'
import type { PingResult } from '../protocols/icmp/result.js'
import { type PingStatistics, RttCounter } from '../stats.js'
import { judge } from './outcome.js'

export interface PingCheckOptions extends PingOptions {
  /** How many requests. Default: 3. */
  count?: number
  /** From one request to the next, in milliseconds. Default: 200. */
  interval?: number
  /**
   * The loss that is still good, 0-1. Default: any, as long as one reply comes. A request that this machine did not send is no
   * loss, but no proof of the limit either: with too many of them, the check fails with what refused them.
   */
  maxLossRatio?: number
  /** The mean round trip that is still good, in milliseconds. Default: any. */
  maxRttMs?: number
}

/** A reply came, and loss and round trip are within the limits. */
export interface PingCheckSuccess {
  ok: true
  /** Mean round trip, in milliseconds. */
  latencyMs: number
  /** Of all its requests. */
  statistics: PingStatistics
  error: undefined
}

/** No reply came, or loss or round trip are over the limits. */
export interface PingCheckFailure {
  ok: false
  /** Mean round trip, in milliseconds; undefined where no reply came. */
  latencyMs: number | undefined
  /** Of all its requests. */
  statistics: PingStatistics
  /** Why. */
  error: NetviaError
}

/** What `checkPing` found: `ok` says which of the two. */
export type PingCheckResult = PingCheckSuccess | PingCheckFailure

/** For the checks of a monitor, too. */
export const pingCheckSchema = {
  ...pingSchema,
  count: integer(1, 100_000),
  interval: number(0.1, longestTimer),
  maxLossRatio: number(0, 1),
  maxRttMs: number(0, Number.MAX_VALUE),
} satisfies Schema

/**
 * Pings a host a few times and judges the replies (RFC 792, RFC 4443). What the network says is a value: no reply
 * (`ETIMEDOUT`, or `EHOSTUNREACH` with what a router said), too much loss (`ERR_PING_LOSS`), too slow (`ERR_PING_RTT`), a request
 * that this machine did not send, and an unknown name are `ok: false` with an `error`.
 *
 * @throws NetviaError as `ping`, for what is wrong here: bad options, `ENODEV` no such device, `EPERM` or `EACCES` without
 * permission for either kind of socket; `signal.reason` when aborted.
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

/** Undefined: all is well. */
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
  // What was not sent can't show that the loss is within the limit.
  if (unsent > 0 && (sent - received + unsent) / (sent + unsent) > maxLossRatio) return refusal
  if (avgMs! > maxRttMs) {
    const message = `the mean round trip is ${avgMs!.toFixed(3)} ms; ${maxRttMs} ms are allowed`
    return new NetviaError(message, { code: 'ERR_PING_RTT', ...where })
  }
  return undefined
}
