import { type UplinkMonitor, watchedUplinks } from '../../../monitor/monitor.js'

/** In ms, because a busy machine is not a broken monitor. */
const patience = 30_000

/** Whether the monitor works, whatever the states of its uplinks: all checks that are due are made. */
export function healthy(monitor: UplinkMonitor): boolean {
  return watchedUplinks(monitor).every(watched => !watched.isStalled(patience))
}
