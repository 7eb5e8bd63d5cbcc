import type { DnsCheckOptions } from '../checks/check-dns.js'
import type { TcpCheckOptions } from '../checks/check-tcp.js'
import type { HttpCheckOptions } from '../checks/http/options.js'
import type { CommonOptions, PathOptions } from '../options.js'
import type { RecordType } from '../protocols/dns/records.js'
import type { DampingOptions } from './state/damping.js'
import type { Band } from './state/quality.js'

/** How a check of any type is judged. */
export interface CheckRules {
  /** No round is good unless this check succeeds. Default false. */
  required?: boolean
  /** Name of the group it belongs to: see `quorum` of the uplink. Default: none. */
  group?: string
  /** Its own limits of loss. Default: the monitor's. */
  loss?: Band
  /** Its own limits of latency, in ms. Default: the monitor's. */
  latencyMs?: Band
}

/** One echo request (RFC 792, RFC 4443) a round. */
export interface PingCheck extends CheckRules {
  /** The type of check. */
  type: 'ping'
  /** Name or address. */
  host: string
  /** Limits the check to this family. Default: the family of the address, or of the name's first address. */
  family?: 4 | 6
  /** Bytes after the ICMP header. Default 56. */
  payloadSize?: number
  /** Milliseconds to wait for the reply. Default: the monitor's. */
  timeout?: number
}

/** A check like `checkHttp`. */
export interface HttpCheck extends Omit<HttpCheckOptions, keyof CommonOptions>, CheckRules {
  /** The type of check. */
  type: 'http'
  /** http or https. */
  url: string
}

/** A check like `checkTcp`: opens a connection and closes it. */
export interface TcpCheck extends Omit<TcpCheckOptions, keyof CommonOptions>, CheckRules {
  /** The type of check. */
  type: 'tcp'
}

/** A check like `checkDns`, over the uplink. */
export interface DnsCheck extends Omit<DnsCheckOptions, keyof CommonOptions | 'type'>, CheckRules {
  /** The type of check. */
  type: 'dns'
  /** The name to look up. */
  name: string
  /** Record type to look up. Default 'A'. */
  record?: RecordType
}

/** Any check. Without a `timeout` (ms), it has the monitor's. */
export type UplinkCheck = PingCheck | HttpCheck | TcpCheck | DnsCheck

/** Limits for the cost of a metered uplink's checks. */
export interface MeteredOptions {
  /**
   * Bytes for a period, in both directions, with IP headers. At least 160 rounds with the defaults. Default 15000000: 15
   * MB.
   */
  quota?: number
  /** Milliseconds of a period, 1000 or more. Default 2592000000: 30 days. */
  period?: number
}

/** One uplink: its name, its path, and its checks. */
export interface UplinkOptions extends PathOptions {
  /** Name in events and snapshots, 1-255 bytes. It must be unique. */
  name: string
  /** 'failover' takes the working uplink with the lowest priority. Equal ones are taken in the order listed. Default 1. */
  priority?: number
  /** Share of new connections under 'weighted' and 'sticky', relative to the other uplinks. Default 1. */
  weight?: number
  /** The checks of each round. At least one. */
  checks: UplinkCheck[]
  /** Checks of each group that must succeed in a round. Default 1 of each group that a check names. */
  quorum?: Readonly<Record<string, number>>
  /**
   * Each byte costs money. Traffic that flows anyway proves that the uplink works, and checks run only while it is silent or
   * suspect, within a quota. Needs a `device`, and only pings of addresses as `checks`. `true`: 15 MB in 30 days. Default false.
   */
  metered?: boolean | MeteredOptions
}

/** The uplinks that a monitor watches, and how it judges them. */
export interface MonitorOptions {
  /**
   * Milliseconds from the start of a round to the start of the next. Default 1000. With more than 16 uplinks, a round may
   * start late by a tenth of it, 100 ms at most, to share timer ticks. The average stays.
   */
  interval?: number
  /** The same after a bad round of an uplink that is 'up' or 'degraded'. Default: `interval`. */
  failureInterval?: number
  /** The same while an uplink is 'unknown' or 'down', until `down` consecutive rounds have failed. Default: `interval`. */
  recoveryInterval?: number
  /** Milliseconds a check may take. Default 2000. */
  timeout?: number
  /** Bad rounds in a row until 'down'. Default 3. */
  down?: number
  /** Good rounds in a row until 'up'. Default 3. */
  up?: number
  /** Checks of a round that must succeed, `required` ones included. Default 1. */
  reliability?: number
  /** Milliseconds over which loss and latency are judged. Default 60000. */
  window?: number
  /**
   * Share of failures (0-1) at which a check is lossy, and to which it must fall again. An uplink is 'degraded' when too few of its
   * checks are good. Default 0.2, 0.05.
   */
  loss?: Band
  /** Mean latency in ms at which a check is slow, and to which it must fall again. Default 500, 250. */
  latencyMs?: Band
  /** Minimum duration of a state in milliseconds. Changes to 'down' never wait. Default 0. */
  minimumTime?: number
  /** An uplink that goes down repeatedly stays 'degraded' for a while when it comes back. Default 2, 0.75, 900000. */
  damping?: DampingOptions
  /** File that keeps the states over a restart, written whole and renamed into place. Best on a tmpfs. Default: none. */
  stateFile?: string
  /**
   * SQLite file that keeps every outage, and loss and latency of each minute for 90 days: what `netvia report` reads. Written once a
   * minute. Needs node:sqlite (Node 22.13 or later). Default: none.
   */
  history?: string
  /**
   * Command and arguments, called without a shell when an uplink changes its state, with the facts in its environment. If several
   * changes of an uplink meet a call that still runs, the next call gets the newest. A failed call is tried again after 1, 5 and 25
   * seconds. Default: none.
   */
  hook?: readonly string[]
  /** Calls the hook for every uplink at `start()` and after `configure()` as well, with the state it is in. Default false. */
  hookAtStart?: boolean
  /** Milliseconds until a running hook is killed. Default 10000. */
  hookTimeout?: number
  /** The uplinks to watch; at least one. */
  uplinks: UplinkOptions[]
}
