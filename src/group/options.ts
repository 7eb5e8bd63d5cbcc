import { boolean, milliseconds, oneOf, type Schema } from '../options.js'
import { defaultFailback, type Failback, type PolicyName, policyNames } from './policies.js'
import { type RaceDelay, raceCheck } from './race.js'

/** Options of a group. */
export interface GroupOptions {
  /**
   * How to choose an uplink. 'failover': the working one with the lowest `priority`. 'weighted': each new connection takes the
   * next, by `weight`. 'lowest-latency': the fastest, replaced only by one at least a fifth faster. 'sticky': the same per key.
   */
  policy: PolicyName
  /**
   * What to do when all uplinks are down. 'fail' rejects with `ERR_NO_UPLINK`. 'least-bad' uses the one with a link and the
   * least loss, unless it was forced down. Default 'fail'.
   */
  whenAllDown?: 'fail' | 'least-bad'
  /**
   * Destroys the connections of an uplink that goes down, with `ERR_UPLINK_DOWN`, as soon as another uplink can take them.
   * Default false: connections may survive the outage.
   */
  cutConnections?: boolean
  /**
   * Only for 'failover': when new connections return to a better uplink that works again. 'now'; 'never' while the current one
   * works; or this many milliseconds after its state changed. See also `moveBack()`. Default 'now'.
   */
  failback?: Failback
  /**
   * Tries the next uplink beside the picked one when that takes longer than this many milliseconds to connect or to resolve, or
   * fails to. The first to succeed is used. `'auto'`: three times the uplink's measured latency, 250 to 3000. Requests are never
   * raced, and no other device than those of the group is used. An uplink that loses is checked immediately, and avoided until
   * it passes. Default: no race.
   */
  race?: RaceDelay
}

export const groupDefaults = { whenAllDown: 'fail', cutConnections: false, failback: defaultFailback } as const

export const groupSchema = {
  policy: oneOf(...policyNames),
  whenAllDown: oneOf('fail', 'least-bad'),
  cutConnections: boolean,
  race: raceCheck,
  failback: (value, name) => (value === 'now' || value === 'never' ? value : milliseconds(value, name)),
} satisfies Schema
