import { afterEach, expect, onTestFinished } from 'vitest'
import { UplinkMonitor } from '../../src/monitor/monitor.js'
import type { MonitorOptions } from '../../src/monitor/options.js'
import type { RoutingWarning } from '../../src/routing/event-types.js'
import type { RoutingOptions } from '../../src/routing/options.js'
import { UplinkRouting } from '../../src/routing/routing.js'
import { lab } from '../lab/index.js'

/** Cleanups that run after each test, in reverse order. */
export const atEnd: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of atEnd.splice(0).reverse()) await end()
})

/** Runs ip(8) in the router. */
export const ip = (...args: string[]) => lab.run('router', 'ip', ...args)
/** All rules and routes of both families, for comparing the state before and after. */
export const everything = () =>
  ['-4', '-6'].flatMap(family => [ip(family, 'rule'), ip(family, 'route', 'show', 'table', 'all')]).join('\n')
export const table = (number: number, family = '-4') => {
  try {
    return ip(family, 'route', 'show', 'table', String(number)).trim()
  } catch {
    // A table without routes doesn't exist.
    return ''
  }
}
/** The outgoing device for a packet from a host behind the router. */
export const outgoing = (address: string) => / dev (\S+)/.exec(ip('route', 'get', address))![1]

/** Removes a default route until the end of the test. */
export function removeDefaultRoute(family: '-4' | '-6', device: string): void {
  const route = ip(family, 'route', 'show', 'default', 'dev', device)
    .replace(/ pref medium/, '')
    .trim()
    .split(/ +/)
  ip(family, 'route', 'del', ...route, 'dev', device)
  onTestFinished(() => void ip(family, 'route', 'replace', ...route, 'dev', device))
}

export function uplinks(host = lab.server.address4): MonitorOptions['uplinks'] {
  return [
    { name: 'fibre', device: 'wan1', priority: 1, weight: 3, checks: [{ type: 'ping', host }] },
    { name: 'lte', device: 'wan2', priority: 2, weight: 1, checks: [{ type: 'ping', host }] },
  ]
}

export async function monitored(changed: Partial<MonitorOptions> = {}): Promise<UplinkMonitor> {
  const damping = { suppress: 1000, reuse: 1, halfLife: 1 }
  const monitor = new UplinkMonitor({
    ...{ interval: 100, recoveryInterval: 30, timeout: 300, up: 1, damping, uplinks: uplinks() },
    ...changed,
  })
  atEnd.push(() => monitor.stop())
  monitor.start()
  await expect.poll(() => states(monitor), { timeout: 5000 }).toEqual(['up', 'up'])
  return monitor
}

export const states = (monitor: UplinkMonitor) => monitor.snapshot().uplinks.map(({ state }) => state)

export async function routed(monitor: UplinkMonitor, options: RoutingOptions = {}) {
  const routing = new UplinkRouting(monitor, options)
  const warnings: RoutingWarning[] = []
  routing.on('warning', warning => warnings.push(warning))
  atEnd.push(() => routing.stop())
  await routing.start()
  return { routing, warnings }
}

export const cable = (state: 'up' | 'down') => lab.run('isp1', 'ip', 'link', 'set', 'customer', state)
