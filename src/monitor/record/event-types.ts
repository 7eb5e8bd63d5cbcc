import type { CheckStatistics } from '../state/check-record.js'
import type { Facts, UplinkState } from '../state/state-machine.js'

/** The force of an uplink, set by `force()`. */
export interface Forced {
  /** The forced state, whatever the uplink's checks and link say. */
  state: 'up' | 'down'
  /** When that ends, in milliseconds since the epoch; null: when `force(name, 'auto')` ends it. */
  until: number | null
  /** The reason given; null without. */
  why: string | null
}

/** The 'state' event. */
export interface StateEvent {
  /** Name of the uplink. */
  uplink: string
  /** The state before. */
  from: UplinkState
  /** The state now. */
  to: UplinkState
  /** The reason in words: '3 bad rounds in a row: …', 'no carrier', 'loss 25 % of ping 203.0.113.10 over 60 s, limit 20 %'. */
  reason: string
  /** Milliseconds since the epoch. */
  at: number
  /** Present where `force()` made the new state. */
  forced?: Forced
}

/** The 'check' event: the result of one check in one round. */
export interface CheckEvent {
  /** Name of the uplink. */
  uplink: string
  /** Its place in the uplink's `checks`. */
  check: number
  /** The type of the check. */
  type: 'ping' | 'http' | 'tcp' | 'dns'
  /** Host, name, or URL without user, password and query. */
  target: string
  /** It succeeded. */
  ok: boolean
  /** It failed on this machine, so it isn't loss. */
  local: boolean
  /** null without an answer. */
  latencyMs: number | null
  /** What failed, in words; null if it succeeded. */
  error: string | null
  /** Milliseconds since the epoch. */
  at: number
}

/** The 'hook' event: a line that the hook printed, on its standard output or standard error. */
export interface HookEvent {
  /** Name of the uplink it was called for. */
  uplink: string
  /** At most 1000 characters, and of one call at most 100 lines. */
  text: string
  /** Milliseconds since the epoch. */
  at: number
}

/** The 'warning' event: something beside the checks failed. The monitor continues. */
export interface WarningEvent {
  /** The part that failed: state file, history, hook, or watching the links or the traffic. */
  source: 'state-file' | 'history' | 'hook' | 'link' | 'traffic'
  /** In words. */
  message: string
  /** The error itself. */
  error: unknown
  /** Milliseconds since the epoch. */
  at: number
}

/** The 'configure' event: the monitor has switched to other options. It has the names of the uplinks concerned. */
export interface ConfigureEvent {
  /** New uplinks. */
  added: string[]
  /** Uplinks whose own options or common limits have changed. */
  changed: string[]
  /** Removed uplinks. */
  removed: string[]
  /** Milliseconds since the epoch. */
  at: number
}

/** The events of an `UplinkMonitor`, and what comes with each. */
export interface MonitorEvents {
  /** An uplink changed its state. */
  state: [StateEvent]
  /** A check has its result. */
  check: [CheckEvent]
  /** The hook printed a line. */
  hook: [HookEvent]
  /** Something beside the checks failed. */
  warning: [WarningEvent]
  /** The monitor has switched to other options. */
  configure: [ConfigureEvent]
}

/** The cost and the evidence of a metered uplink. */
export interface MeteredReport {
  /** Bytes that its checks may cost in a period. */
  quota: number
  /** Milliseconds of a period. */
  periodMs: number
  /** Bytes that its checks have cost in this period. */
  spentBytes: number
  /** Milliseconds between its checks while it is idle and works. */
  idleIntervalMs: number
  /** The last evidence that it works: traffic that flowed anyway, or a check. Null before. */
  evidence: 'traffic' | 'probe' | null
}

/** One uplink in `snapshot()`. */
export interface UplinkSnapshot extends Facts {
  /** As in the options. */
  name: string
  /** null: the uplink is a path without a device. */
  device: string | null
  /** As in the options. */
  priority: number
  /** As in the options. */
  weight: number
  /** Set while `force()` decides: `state`, `since` and `reason` are then those of the force, and all else is as measured. */
  forced: Forced | null
  /** The last result of each check, in their order; null before the first. */
  checks: (CheckEvent | null)[]
  /** Loss and latency of each check, in their order. */
  statistics: CheckStatistics[]
  /** Null: it isn't metered. */
  metered: MeteredReport | null
  /** Failing checks that the uplink can do without, in words: 'target 203.0.113.12 silent for 40 s'. */
  remarks: string[]
}

/** All that a monitor knows, as plain JSON. */
export interface MonitorSnapshot {
  /** Milliseconds since the epoch. */
  at: number
  /** Between `start()` and `stop()`. */
  running: boolean
  /** In the order of the options. */
  uplinks: UplinkSnapshot[]
}
