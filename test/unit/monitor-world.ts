import { vi } from 'vitest'
import { type MakeRunner, ProbeRunner } from '../../src/monitor/checks/check-runner.js'
import type { Probe } from '../../src/monitor/checks/probe.js'
import type { LinkFacts } from '../../src/monitor/link/link-fault.js'
import { UplinkMonitor } from '../../src/monitor/monitor.js'
import type { MonitorOptions, UplinkOptions } from '../../src/monitor/options.js'
import type { Outcome } from '../../src/monitor/state/state-machine.js'

export const ok: Outcome = { ok: true, local: false, latencyMs: 10, error: null }
export const bad: Outcome = { ok: false, local: false, latencyMs: null, error: 'timeout' }
export const begin = 1_000_000_000_000

export const uplinks: UplinkOptions[] = [
  { name: 'fibre', device: 'wan1', checks: [{ type: 'ping', host: '192.0.2.1' }] },
  { name: 'lte', device: 'wan2', priority: 2, checks: [{ type: 'tcp', host: '192.0.2.1', port: 443 }] },
]

/** Runners for checks whose results come from `probe`. */
export const runnersOf =
  (probe: Probe): MakeRunner =>
  (check, settings, told) =>
    new ProbeRunner(probe, check, settings, told)

/** Simulates two uplinks. The test sets the results of their checks and the states of their links. */
export function simulate(changed: Partial<MonitorOptions> = {}) {
  const says: Record<string, Outcome> = { wan1: ok, wan2: ok }
  const links = new Map<string, LinkFacts>()
  let tell: ((device: string, facts: LinkFacts) => void) | undefined
  const probe = vi.fn<Probe>(async (_check, path) => says[path.device!]!)
  const watchLinks = vi.fn((devices: ReadonlyMap<string, unknown>, onFacts: NonNullable<typeof tell>) => {
    tell = onFacts
    for (const device of devices.keys()) onFacts(device, links.get(device) ?? { fault: null, lost: [] })
    return () => {
      tell = undefined
    }
  })
  const create = () =>
    new UplinkMonitor(
      {
        uplinks,
        ...changed,
      },
      { makeRunner: runnersOf(probe), watchLinks, watchTraffic: () => () => {} },
    )
  const link = (device: string, fault: string | null) => {
    links.set(device, { fault, lost: [] })
    tell?.(device, { fault, lost: [] })
  }
  return { monitor: create(), create, says, probe, watchLinks, link, watching: () => tell !== undefined }
}

export const states = (monitor: UplinkMonitor) =>
  Object.fromEntries(monitor.snapshot().uplinks.map(({ name, state }) => [name, state]))
