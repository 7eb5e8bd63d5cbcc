import { decodeAttributes } from './attributes.js'
import { pack, readI32, readText, readU32 } from './bytes.js'

/** Counters of a queueing discipline (tc(8)) since it was set up. */
export interface QueueCounters {
  readonly deviceIndex: number
  readonly handle: number
  readonly kind: string
  readonly drops: number
  /** How often it held a packet back. */
  readonly overlimits: number
}

/** `struct tcmsg` (rtnetlink(7)). */
const headerSize = 20
/** TCA_KIND and TCA_STATS2 of linux/rtnetlink.h, and TCA_STATS_QUEUE within the latter (linux/gen_stats.h). */
const attribute = { kind: 1, stats: 7, queue: 3 } as const

export const qdiscDumpRequest = pack([4, 0], [4, 0], [4, 0], [4, 0], [4, 0])

/** Undefined for a discipline without counters. Pure. */
export function decodeQdisc(payload: Uint8Array): QueueCounters | undefined {
  const attributes = decodeAttributes(payload.subarray(headerSize))
  const stats = decodeAttributes(attributes.get(attribute.stats) ?? new Uint8Array())
  // struct gnet_stats_queue: qlen, backlog, drops, requeues, overlimits.
  const queue = stats.get(attribute.queue)
  const [drops, overlimits] = queue ? [readU32(queue, 8), readU32(queue, 16)] : []
  if (drops === undefined || overlimits === undefined) return undefined
  const kind = readText(attributes.get(attribute.kind) ?? new Uint8Array())
  return { deviceIndex: readI32(payload, 4)!, handle: readU32(payload, 8)!, kind, drops, overlimits }
}
