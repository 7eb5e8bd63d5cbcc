import { checkDns } from '../../checks/check-dns.js'
import { checkTcp } from '../../checks/check-tcp.js'
import type { CaptivePortal } from '../../checks/http/captive-portal.js'
import { checkHttp } from '../../checks/http/check-http.js'
import { judge } from '../../checks/outcome.js'
import { NetviaError } from '../../errors.js'
import type { CommonOptions, PathOptions } from '../../options.js'
import { ping } from '../../protocols/icmp/ping.js'
import type { PingReply, PingResult } from '../../protocols/icmp/result.js'
import { toAbortSignal } from '../../runtime/cancel.js'
import { Deadline } from '../../runtime/deadline.js'
import { deviceDown } from '../../system/device-down.js'
import { isOwnAddressError } from '../../system/this-host.js'
import type { PingCheck, UplinkCheck } from '../options.js'
import type { Outcome } from '../state/state-machine.js'
import { withoutRules } from './check-rules.js'
import { followLostTime } from './lost-time.js'

/** Runs one check on a path, within `timeout` ms. Never rejects. */
export type Probe = (check: UplinkCheck, path: PathOptions, timeout: number, signal: AbortSignal) => Promise<Outcome>

/** Checks that are made from scratch each time. */
export const probe: Probe = async (check, path, timeout, signal) => {
  try {
    return await run(check, { ...path, signal }, timeout)
  } catch (error) {
    // Checks reject for what is wrong on this machine only, and when the signal ends them.
    return failed((error as Error).message, !signal.aborted)
  }
}

async function run(check: UplinkCheck, common: CommonOptions, timeout: number): Promise<Outcome> {
  switch (check.type) {
    case 'ping':
      return pingByName(check, common, timeout)
    case 'http': {
      const { type: _type, url, ...options } = withoutRules(check)
      return verdict(() => checkHttp(url, { ...options, ...common, timeout }))
    }
    case 'tcp': {
      const { type: _type, ...options } = withoutRules(check)
      return verdict(() => checkTcp({ ...options, ...common, timeout }))
    }
    case 'dns': {
      const { type: _type, name, record, ...options } = withoutRules(check)
      return verdict(() => checkDns(name, { ...options, ...common, type: record, timeout }))
    }
  }
}

/** One time limit for name and answer together; and as in other checks, a name without an address is the network's verdict. */
async function pingByName(check: PingCheck, common: CommonOptions, timeout: number): Promise<Outcome> {
  const { type: _type, host, ...options } = withoutRules(check)
  const late = () => deviceDown('ping', common) ?? new NetviaError('timeout', { code: 'ETIMEDOUT' })
  const deadline = new Deadline(timeout, common.signal, late)
  const send = async () => {
    const result = await ping(host, { ...options, ...common, signal: toAbortSignal(deadline.signal), timeout })
    return result.outcome === 'reply' ? passed(result.rttMs) : pingFailure(result)
  }
  return judge(common.signal, common.device, send, error =>
    error.code === 'ETIMEDOUT' ? silence : failure(error),
  ).finally(() => deadline.end())
}

/** The meaning of a ping without a reply. */
export function pingFailure(result: Exclude<PingResult, PingReply>): Outcome {
  if (result.outcome === 'send-failed') return failed(result.error.message, true)
  return result.outcome === 'timeout' ? silence : failed(`${result.reason} (from ${result.from})`, false)
}

interface Result {
  ok: boolean
  latencyMs?: number | undefined
  error?: NetviaError | undefined
  captivePortal?: CaptivePortal | undefined
}

/** The latency is without the time in which this process could not read the answer, which says nothing about the line. */
async function verdict(check: () => Promise<Result>): Promise<Outcome> {
  const lostTime = followLostTime()
  try {
    const { ok, latencyMs, error, captivePortal } = await check()
    if (ok) return passed(latencyMs! - lostTime.within(latencyMs!))
    return captivePortal ? failed(portalCause(error!, captivePortal), false) : failure(error!)
  } finally {
    lostTime.end()
  }
}

/** A target that is an address of the uplink itself is a fault of the settings, and says nothing about the line. */
function failure(error: NetviaError): Outcome {
  return failed(causeOf(error), isOwnAddressError(error))
}

/** Says that the name server is at fault, if it is. The target was never contacted then. */
function causeOf({ syscall, message }: NetviaError): string {
  const [, cause] = (syscall === 'resolve' && /^resolve \w+: (.+) \([^()]*\)/s.exec(message)) || []
  return cause === undefined ? message : `DNS: ${cause}`
}

function portalCause(error: NetviaError, { host }: CaptivePortal): string {
  return `${causeOf(error)}; this looks like a captive portal${host === undefined ? '' : ` (${host})`}`
}

const silence: Outcome = { ok: false, local: false, latencyMs: null, error: 'timeout', silent: true }

export function passed(latencyMs: number): Outcome {
  return { ok: true, local: false, latencyMs, error: null }
}

export function failed(error: string, local: boolean): Outcome {
  return { ok: false, local, latencyMs: null, error }
}
