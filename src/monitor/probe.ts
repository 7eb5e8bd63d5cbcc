import { checkDns } from '../checks/check-dns.js'
import { checkHttp } from '../checks/check-http.js'
import { checkTcp } from '../checks/check-tcp.js'
import { judge } from '../checks/outcome.js'
import type { CommonOptions, PathOptions } from '../options.js'
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
    // Checks reject for what is wrong on this machine only; the signal says that the time is over.
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

async function pingOnce({ host, family, payloadSize }: PingCheck, common: CommonOptions, timeout: number) {
  // A name that can't be resolved is the network's verdict, as in the other checks.
  return judge<Outcome>(
    common.signal,
    common.device,
    async () => {
      const result = await ping(host, { ...common, family, payloadSize, timeout })
      if (result.outcome === 'reply') return passed(result.rttMs)
      return failed(result.reason ?? result.error?.message ?? result.outcome, result.outcome === 'send-failed')
    },
    error => failed(error.message, false),
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
