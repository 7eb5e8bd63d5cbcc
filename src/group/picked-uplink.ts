import type { UplinkState } from '../monitor/state/state-machine.js'
import type { PathOptions } from '../options.js'

/** The uplink for a new connection. */
export interface PickedUplink {
  /** Name from the monitor's options. */
  name: string
  /** Current state in the monitor. */
  state: UplinkState
  /** The device of its path, if it has one. */
  device: string | undefined
  /** Path for any netvia call: `ping(host, group.pick().path)`. */
  path: PathOptions
  /** Priority from the monitor's options. The lowest is preferred. */
  priority: number
  /** Weight from the monitor's options. */
  weight: number
}
