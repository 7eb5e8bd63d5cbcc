import { boolean, checkOptions, integer, oneOf, type Schema } from '../options.js'
import { firstTable } from './kernel-tables.js'

/** How an `UplinkRouting` sets the routes of this machine. */
export interface RoutingOptions {
  /**
   * 'failover': the uplink with the lowest `priority` that works. 'weighted': all that work, new flows by `weight`. Default
   * 'failover'.
   */
  policy?: 'failover' | 'weighted'
  /** Sets IPv4 routes. Default true. */
  ipv4?: boolean
  /** Sets IPv6 routes, where the kernel has IPv6. Default true. */
  ipv6?: boolean
  /**
   * Number of the routing table that holds the route in force. The tables of the uplinks have the numbers after it. Default 7770.
   */
  table?: number
  /** Priority of the first of the rules; the others have the two after it. It must come before 32766, `main`. Default 20000. */
  rulePriority?: number
  /**
   * Deletes the tracked connections that were translated (NAT) to an address of an uplink that went down, so that they begin again
   * through another one. Default true.
   */
  flushConnections?: boolean
  /** 'keep': the routes stay as they are. 'unreachable': packets are refused. Default 'keep'. */
  whenAllDown?: 'keep' | 'unreachable'
}

/** The options with all defaults filled in. */
export type RoutingSettings = Required<RoutingOptions>

const schema = {
  policy: oneOf('failover', 'weighted'),
  ipv4: boolean,
  ipv6: boolean,
  // With room for those of the uplinks.
  table: integer(firstTable, 2 ** 31),
  rulePriority: integer(1, 32_763),
  flushConnections: boolean,
  whenAllDown: oneOf('keep', 'unreachable'),
} satisfies Schema

export const routingDefaults: RoutingSettings = {
  policy: 'failover',
  ipv4: true,
  ipv6: true,
  table: 7770,
  rulePriority: 20_000,
  flushConnections: true,
  whenAllDown: 'keep',
}

/** Checks the user's options, and fills in the defaults. */
export function routingSettings(given: RoutingOptions): RoutingSettings {
  return { ...routingDefaults, ...checkOptions('UplinkRouting', given, schema) }
}
