import type { Facts, UplinkState } from './state-machine.js'

/** The 'state' event. */
export interface StateEvent {
  /** Name of the uplink. */
  uplink: string
  from: UplinkState
  to: UplinkState
  /** Why, in words: '3 bad rounds in a row: …', 'no carrier', 'loss 25% (limit 20%)'. */
  reason: string
  /** Milliseconds since the epoch. */
  at: number
}

/** The 'check' event: what one check of one round said. */
export interface CheckEvent {
  /** Name of the uplink. */
  uplink: string
  /** Its place in the uplink's `checks`. */
  check: number
  type: 'ping' | 'http' | 'tcp' | 'dns'
  /** Host, name, or URL without user, password and query. */
  target: string
  ok: boolean
  /** It failed on this machine: no loss. */
  local: boolean
  /** null without an answer. */
  latencyMs: number | null
  /** What was wrong, in words; null when ok. */
  error: string | null
  /** Milliseconds since the epoch. */
  at: number
}

/** The 'warning' event: something beside the checks went wrong, and the monitor goes on. */
export interface WarningEvent {
  source: 'state-file' | 'hook' | 'link'
  message: string
  error: unknown
  /** Milliseconds since the epoch. */
  at: number
}

/** One uplink in `snapshot()`. */
export interface UplinkSnapshot extends Facts {
  name: string
  /** null: the uplink is a path without a device. */
  device: string | null
  priority: number
  weight: number
  /** The last result of each check, in their order; null before the first. */
  checks: (CheckEvent | null)[]
}

export interface MonitorSnapshot {
  /** Milliseconds since the epoch. */
  at: number
  running: boolean
  uplinks: UplinkSnapshot[]
}
