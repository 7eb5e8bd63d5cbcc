import { type MplsLabel, splitExtensions } from '../icmp/packet/extensions.js'
import { isPortUnreachable } from '../icmp/packet/message-types.js'
import { type PingResult, type Target, toResult } from '../icmp/result.js'
import type { TraceProbe } from './prober.js'

/** What was found at one distance. */
export interface Hop {
  /** TTL or hop limit of its probes. */
  ttl: number
  /** In order of sending: `ttl-exceeded` with `from` for a router, `reply` for the target, `timeout` for silence. */
  probes: PingResult[]
  /** Who answered; of several, the one that did so most often, and of these the first. Missing where nobody did. */
  address?: string
  /**
   * The target itself has answered: the last hop. So has whoever says `port unreachable` from another address, as in mtr and
   * traceroute(8): most often the target, or else a firewall before it. `address` and the `reason` of the probe show it.
   */
  reached: boolean
  /** Of `address`, with `names`, where it has one that can be a host's. */
  name?: string
  /** MPLS labels the probes carried as they came in there (RFC 4950), outermost first. */
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

/** The target has answered, if only with a refusal. It may answer from another of its addresses that nobody listens at the port. */
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

/** Extensions come behind 128 bytes of quoted packet (RFC 4884 section 5), of which the first headers were not handed over. */
export function labelsOf(quoted: Uint8Array, hiddenBytes: number): MplsLabel[] | undefined {
  const whole = new Uint8Array(hiddenBytes + quoted.length)
  whole.set(quoted, hiddenBytes)
  return splitExtensions(whole, 0).extensions?.find(({ mpls }) => mpls !== undefined)?.mpls
}
