import { monotonicNow } from '../../monotonic.js'
import { type Signal, toAbortSignal } from '../../runtime/cancel.js'
import { Deadline } from '../../runtime/deadline.js'
import { deviceDown } from '../../system/device-down.js'
import { onLinkLoss } from '../../system/device-loss.js'
import type { Module } from './config/modules.js'
import { ProbeLog } from './log.js'
import { ProbeMetrics } from './metrics.js'
import { Failed, type Probe } from './probe/probe.js'

export interface Request {
  target: string
  /** Its name is for the log. */
  moduleName: string
  module: Module
  /** Undefined: the routing table chooses. */
  device: string | undefined
  hostname: string | undefined
  /** In milliseconds. */
  timeout: number
  userAgent: string
  /** Fires when no client waits for the result any more. */
  signal: Signal
}

export interface Probed {
  success: boolean
  metrics: ProbeMetrics
  log: ProbeLog
}

/** In ms after its end is due: a probe ends then, even if a part of it has not noticed that. */
const grace = 100

/** Runs a probe and never throws. Local errors, such as a missing device, are failed probes too, and are in the log. */
export async function runProbe(request: Request): Promise<Probed> {
  const { target, module, device, hostname, timeout, moduleName } = request
  const metrics = new ProbeMetrics(device)
  const log = new ProbeLog({ module: moduleName, target, device })
  const start = monotonicNow()
  const late = () => deviceDown('probe', { device }, [probe.address]) ?? new Failed(`it took more than ${timeout} ms`)
  const deadline = new Deadline(timeout, request.signal, late)
  const signal = toAbortSignal(deadline.signal)
  const unwatch = onLinkLoss(device, error => deadline.abort(error))
  const note: Probe['log'] = (message, details) => log.add('info', message, details)
  const probe: Probe = { target, metrics, hostname, path: { device }, signal, until: start + timeout, log: note }
  let success = false
  let timer: NodeJS.Timeout | undefined
  const overdue = new Promise<never>((_, reject) => {
    // Not by a timer that begins with the probe's: the deadline moves if the process was busy.
    signal.addEventListener('abort', () => {
      timer = setTimeout(reject, grace, signal.reason)
    })
  })
  log.add('info', 'Beginning probe', { prober: module.prober, timeout_seconds: timeout / 1000 })
  try {
    await Promise.race([probeWith(probe, module, request.userAgent), overdue])
    // A body whose end is that of its connection looks whole when the time is over.
    signal.throwIfAborted()
    success = true
  } catch (error) {
    // Node's streams report that they were aborted, and not why.
    log.add('error', ((signal.aborted ? signal.reason : error) as Error).message)
  } finally {
    unwatch()
    deadline.end()
    clearTimeout(timer)
  }
  const seconds = (monotonicNow() - start) / 1000
  metrics.set('probe_success', 'Whether the probe was a success', Number(success))
  metrics.set('probe_duration_seconds', 'Time that the probe took', seconds)
  log.add(success ? 'info' : 'error', success ? 'Probe succeeded' : 'Probe failed', { duration_seconds: seconds })
  return { success, metrics, log }
}

async function probeWith(probe: Probe, module: Module, userAgent: string): Promise<void> {
  switch (module.prober) {
    case 'http':
      return (await import('./probe/http.js')).probeHttp(probe, userAgent, module.http)
    case 'tcp':
      return (await import('./probe/tcp.js')).probeTcp(probe, module.tcp)
    case 'dns':
      return (await import('./probe/dns.js')).probeDns(probe, module.dns)
    case 'icmp':
      return (await import('./probe/icmp.js')).probeIcmp(probe, module.icmp)
  }
}
