import { type MplsLabel, splitExtensions } from '../icmp/packet/extensions.js'
import { isPortUnreachable } from '../icmp/packet/message-types.js'
import { type PingResult, type Target, toResult } from '../icmp/result.js'
import type { TraceProbe } from './prober.js'

/** The results at one distance. */
export interface Hop {
  /** TTL or hop limit of its probes. */
  ttl: number
  /** In the order sent: `ttl-exceeded` with `from` for a router, `reply` for the target, `timeout` for no answer. */
  probes: PingResult[]
  /** The host that answered. If several did, the one that answered most often, then first. Missing without an answer. */
  address?: string
  /**
   * The target itself has answered: this is the last hop. As in mtr and traceroute(8), so does a host that reports `port
   * unreachable` from another address. Most often that is the target, otherwise a firewall before it. `address` and the
   * `reason` of the probe show which.
   */
  reached: boolean
  /** With `names`: the name of `address`, if it has one that can be a host name. */
  name?: string
  /** MPLS labels of the probes when they arrived there (RFC 4950), outermost first. */
  labels?: MplsLabel[]
}

export function toHop(
  ttl: number,
  probes: readonly TraceProbe[],
  firstSequence: number,
  target: Target,
  hiddenBytes: number,
): Hop {
  const results = probes.map((probe, index) => toResult(target, firstSequence + index, probe))
  const address = mostFrequent(results.flatMap(({ from }) => from ?? []))
  const labels = probes.map(({ quoted }) => quoted && labelsOf(quoted, hiddenBytes)).find(found => found !== undefined)
  return {
    ttl,
    probes: results,
    reached: results.some(result => isReached(result)),
    ...(address !== undefined && { address }),
    ...(labels && { labels }),
  }
}

/**
 * Whether the target has answered, even with a refusal. It may answer from another of its addresses if nobody listens on
 * the port.
 */
export function isReached(result: PingResult): boolean {
  const { outcome, from, address, family } = result
  return outcome === 'reply' || (outcome === 'unreachable' && (from === address || isPortUnreachable(family, result)))
}

function mostFrequent(addresses: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const address of addresses) counts.set(address, (counts.get(address) ?? 0) + 1)
  const most = Math.max(...counts.values())
  return [...counts.keys()].find(address => counts.get(address) === most)
}

/** Extensions follow 128 bytes of quoted packet (RFC 4884 section 5). The kernel doesn't pass on its first headers. */
export function labelsOf(quoted: Uint8Array, hiddenBytes: number): MplsLabel[] | undefined {
  const whole = new Uint8Array(hiddenBytes + quoted.length)
  whole.set(quoted, hiddenBytes)
  return splitExtensions(whole, 0).extensions?.find(({ mpls }) => mpls !== undefined)?.mpls
}
