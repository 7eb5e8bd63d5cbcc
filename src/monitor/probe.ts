import { isIP } from '../builtins.js'
import { checkDns } from '../checks/check-dns.js'
import { checkHttp } from '../checks/check-http.js'
import { checkTcp } from '../checks/check-tcp.js'
import { judge } from '../checks/outcome.js'
import { NetviaError } from '../errors.js'
import type { CommonOptions, PathOptions } from '../options.js'
import { Deadline } from '../protocols/deadline.js'
import { ping } from '../protocols/icmp/ping.js'
import type { PingCheck, UplinkCheck } from './options.js'
import type { Outcome } from './state-machine.js'

/** Runs one check on a path, within `timeout` ms. Never rejects. */
export type Probe = (check: UplinkCheck, path: PathOptions, timeout: number, signal: AbortSignal) => Promise<Outcome>

/** The checks of the network itself. */
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
      return pingOnce(check, common, timeout)
    case 'http': {
      const { type: _type, url, ...options } = check
      return verdict(await checkHttp(url, { ...options, ...common, timeout }))
    }
    case 'tcp': {
      const { type: _type, ...options } = check
      return verdict(await checkTcp({ ...options, ...common, timeout }))
    }
    case 'dns': {
      const { type: _type, name, record, ...options } = check
      return verdict(await checkDns(name, { ...options, ...common, type: record, timeout }))
    }
  }
}

async function pingOnce(check: PingCheck, common: CommonOptions, timeout: number): Promise<Outcome> {
  const { type: _type, host, ...options } = check
  const send = async (signal: AbortSignal | undefined) => {
    const result = await ping(host, { ...options, ...common, signal, timeout })
    if (result.outcome === 'reply') return passed(result.rttMs)
    if (result.outcome === 'send-failed') return failed(result.error.message, true)
    return failed(result.outcome === 'timeout' ? 'timeout' : `${result.reason} (from ${result.from})`, false)
  }
  if (isIP(host)) return send(common.signal)
  // One time limit for name and answer together; and as in other checks, a name without an address is the network's verdict.
  const late = () => new NetviaError('timeout', { code: 'ETIMEDOUT' })
  const deadline = new Deadline(timeout, common.signal, late)
  const resolveAndSend = () => send(deadline.signal)
  return judge(common.signal, common.device, resolveAndSend, error => failed(error.message, false)).finally(() =>
    deadline.end(),
  )
}

function verdict({ ok, latencyMs, error }: { ok: boolean; latencyMs?: number; error?: Error }): Outcome {
  return ok ? passed(latencyMs!) : failed(error!.message, false)
}

function passed(latencyMs: number): Outcome {
  return { ok: true, local: false, latencyMs, error: null }
}

function failed(error: string, local: boolean): Outcome {
  return { ok: false, local, latencyMs: null, error }
}
