import { nodeCrypto } from '../builtins.js'
import type { Forced } from '../monitor/record/event-types.js'
import type { Uplink } from '../monitor/settings.js'
import type { Facts, UplinkState } from '../monitor/state/state-machine.js'
import { monotonicNow } from '../monotonic.js'

/** An uplink that a policy may choose. */
export interface Candidate {
  readonly uplink: Uplink
  readonly state: UplinkState
  /** A manual override of its checks. */
  readonly forced?: Forced | null
  /** Whether connections found it silent, and it hasn't answered a check since. */
  readonly suspect?: boolean
  facts(): Facts
}

/** How a group chooses among working uplinks; see `GroupOptions.policy`. */
export type PolicyName = 'failover' | 'weighted' | 'lowest-latency' | 'sticky'

/** All of them, for options and flags. */
export const policyNames = ['failover', 'weighted', 'lowest-latency', 'sticky'] as const satisfies readonly PolicyName[]

/** Chooses one of the `working` candidates (at least one) out of `all`. It may remember earlier choices. */
export type Policy = (working: readonly Candidate[], key: string, all?: readonly Candidate[]) => Candidate

/** When 'failover' returns to a better uplink that works again; see `GroupOptions.failback`. */
export type Failback = 'now' | 'never' | number

/** Another uplink must be faster than this share of the current latency. */
const betterThan = 0.8

/** `now` is the clock that `since` uses, in milliseconds. */
export const defaultFailback: Failback = 'now'

export function createPolicy(name: PolicyName, failback: Failback = defaultFailback, now = monotonicNow): Policy {
  switch (name) {
    case 'failover':
      return failover(failback, now)
    case 'weighted':
      return weighted()
    case 'lowest-latency':
      return lowestLatency()
    case 'sticky':
      return sticky
  }
}

/** The candidates in the best state: 'up', or else 'degraded', or else 'unknown'. Empty when all are down. */
export function usable(candidates: readonly Candidate[]): readonly Candidate[] {
  for (const state of ['up', 'degraded', 'unknown']) {
    const found = candidates.filter(candidate => candidate.state === state)
    if (found.length > 0) return found
  }
  return []
}

/** The preferred candidate in the best state; one that is suspect only if all are. Undefined when all are down. */
export function preferredUsable(candidates: readonly Candidate[]): Candidate | undefined {
  const trusted = usable(candidates.filter(({ suspect }) => !suspect))
  const working = trusted.length > 0 ? trusted : usable(candidates)
  return working.length > 0 ? preferred(working) : undefined
}

/** Chooses among uplinks that are all down: one with a link, then the one with the least loss, then the preferred one. */
export function leastBad(candidates: readonly Candidate[]): Candidate {
  const badness = (candidate: Candidate) => {
    const { linkFault, lossRatio } = candidate.facts()
    return (linkFault === null ? 0 : 2) + (lossRatio ?? 1)
  }
  const least = Math.min(...candidates.map(badness))
  return preferred(candidates.filter(candidate => badness(candidate) === least))
}

/** Chooses the preferred uplink. When it returns after a failure, the current one stays for as long as `failback` says. */
function failover(failback: Failback, now: () => number): Policy {
  if (failback === 'now') return preferred
  let inUse: string | undefined
  return (working, _key, all = working) => {
    const best = preferred(working)
    const current = working.find(({ uplink }) => uplink.name === inUse)
    const isDue = failback !== 'never' && now() - best.facts().since >= failback
    const chosen = current && !isDue ? current : best
    // Until the preferred uplink has its first verdict, another choice is only temporary.
    const isSettled = preferred(all) === chosen || preferred(all).state !== 'unknown'
    inUse = isSettled ? chosen.uplink.name : undefined
    return chosen
  }
}

/** The candidate with the lowest priority; the first listed if equal. */
export function preferred(candidates: readonly Candidate[]): Candidate {
  return best(candidates, ({ uplink }) => uplink.priority)
}

/** The candidate with the lowest value; the first if equal. */
function best(candidates: readonly Candidate[], value: (candidate: Candidate) => number): Candidate {
  return candidates.reduce((found, candidate) => (value(candidate) < value(found) ? candidate : found))
}

/**
 * Smooth weighted round robin. Each candidate gains its weight; the one with the most is chosen and pays the total. 3:1 gives a
 * a b a, not a a a b.
 */
function weighted(): Policy {
  const credits = new Map<string, number>()
  return candidates => {
    let total = 0
    for (const { uplink } of candidates) {
      total += uplink.weight
      credits.set(uplink.name, (credits.get(uplink.name) ?? 0) + uplink.weight)
    }
    const chosen = best(candidates, ({ uplink }) => -credits.get(uplink.name)!)
    credits.set(chosen.uplink.name, credits.get(chosen.uplink.name)! - total)
    return chosen
  }
}

/** Keeps the current uplink until another is clearly faster. */
function lowestLatency(): Policy {
  let inUse: string | undefined
  return candidates => {
    const latency = (candidate: Candidate) => candidate.facts().latencyMs ?? Number.POSITIVE_INFINITY
    const current = candidates.find(({ uplink }) => uplink.name === inUse)
    const fastest = best(candidates, latency)
    const stay = current && !(latency(fastest) < latency(current) * betterThan)
    const chosen = stay ? current : fastest
    inUse = chosen.uplink.name
    return chosen
  }
}

/** Rendezvous hashing by weight. A key always maps to the same uplink, and when one is gone, only its own keys move. */
function sticky(candidates: readonly Candidate[], key: string): Candidate {
  return best(candidates, ({ uplink }) => -Math.log(hash(key, uplink.name)) / uplink.weight)
}

/** A hash evenly distributed between 0 and 1, both excluded. */
function hash(key: string, name: string): number {
  const digest = nodeCrypto()
    .createHash('sha256')
    .update(JSON.stringify([key, name]))
    .digest()
  return (digest.readUInt32BE(0) + 0.5) / 2 ** 32
}
