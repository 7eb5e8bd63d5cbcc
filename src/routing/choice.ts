import { type Candidate, preferred, usable } from '../group/policies.js'
import type { RoutingSettings } from './options.js'

/**
 * Chooses the uplinks for the default route, among those that have one. None if all are down, unless `previous` are kept.
 * Pure.
 */
export function choose(
  candidates: readonly Candidate[],
  previous: readonly string[],
  { policy, whenAllDown }: Pick<RoutingSettings, 'policy' | 'whenAllDown'>,
): readonly Candidate[] {
  const kept = candidates.filter(({ uplink }) => previous.includes(uplink.name))
  const alive = candidates.filter(({ state }) => state !== 'down')
  if (alive.length === 0) return whenAllDown === 'keep' ? kept : []
  const isSettled = candidates.every(({ state }) => state !== 'unknown')
  // After a start not all have their first verdict: what is in force stays, if nothing speaks against it.
  if (!isSettled && kept.length > 0 && kept.every(candidate => alive.includes(candidate))) return kept
  const working = isSettled ? usable(candidates) : alive
  return policy === 'failover' ? [preferred(working)] : working
}
