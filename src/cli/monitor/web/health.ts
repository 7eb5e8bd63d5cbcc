import type { MonitorOptions } from '../../../monitor/options.js'
import type { UplinkSnapshot } from '../../../monitor/record/event-types.js'

/** Tolerance beyond the length of a round, in ms, because a busy machine is not a broken monitor. */
const patience = 30_000

/**
 * Whether the monitor works, whatever the states of its uplinks: every uplink with a link was checked recently.
 * `uptime`: milliseconds since the monitor started, which a clock that is set back doesn't change.
 */
export function healthy(
  uplinks: readonly UplinkSnapshot[],
  { interval = 1000, recoveryInterval = interval, timeout = 2000, uplinks: configured }: MonitorOptions,
  uptime: number,
  now: number,
): boolean {
  const timeouts = configured.flatMap(({ checks }) => checks.map(check => check.timeout ?? timeout))
  const oldest = now - 2 * Math.max(interval, recoveryInterval) - Math.max(...timeouts) - patience
  return uplinks.every(({ linkFault, since, checks }) => {
    const last = Math.max(now - uptime, since, ...checks.map(check => check?.at ?? 0))
    return linkFault !== null || last >= oldest
  })
}
