import type { MonitorOptions } from '../../../monitor/options.js'
import type { UplinkSnapshot } from '../../../monitor/record/event-types.js'

/** Tolerance beyond the length of a round, in ms, because a busy machine is not a broken monitor. */
const patience = 30_000

/**
 * Whether the monitor works, whatever the states of its uplinks: every uplink with a link was checked recently. `since`
 * is when the monitor started.
 */
export function healthy(
  uplinks: readonly UplinkSnapshot[],
  { interval = 1000, recoveryInterval = interval, timeout = 2000, uplinks: configured }: MonitorOptions,
  since: number,
  now: number,
): boolean {
  const timeouts = configured.flatMap(({ checks }) => checks.map(check => check.timeout ?? timeout))
  const oldest = now - 2 * Math.max(interval, recoveryInterval) - Math.max(...timeouts) - patience
  return uplinks.every(({ linkFault, since: changed, checks }) => {
    const last = Math.max(since, changed, ...checks.map(check => check?.at ?? 0))
    return linkFault !== null || last >= oldest
  })
}
