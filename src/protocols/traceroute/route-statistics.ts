import type { NetviaError } from '../../errors.js'
import { RttCounter } from '../../stats.js'
import type { PingResult } from '../icmp/result.js'
import { isReached } from './hop.js'

/** Statistics of one hop of a route so far. Times are in milliseconds, and `undefined` until there is an answer. */
export interface HopStatistics {
  /** TTL or hop limit of its probes. */
  ttl: number
  /** The host that answered last. Missing while none has. */
  address?: string
  /** With `names`: the name of `address`, if it has one. */
  name?: string
  /** All hosts that have answered, the first one first; at most 32. */
  addresses: string[]
  /** The target itself has answered from here. */
  reached: boolean
  /** Probes that were sent and have a verdict. Those in flight don't count. */
  sent: number
  /** Probes that this machine didn't send; neither sent nor lost. */
  unsent: number
  /** Probes that were answered. */
  received: number
  /** 0-1, of the probes that were sent. */
  lossRatio: number | undefined
  /**
   * The route itself loses packets here: every later hop that answers loses at least half as much. Otherwise the loss is
   * most often a router that limits its answers.
   */
  lossContinues: boolean
  /** Round trip of the newest answer. */
  lastMs: number | undefined
  /** Mean round trip. */
  avgMs: number | undefined
  /** Shortest round trip. */
  bestMs: number | undefined
  /** Longest round trip. */
  worstMs: number | undefined
  /** Standard deviation, of the population. */
  stddevMs: number | undefined
  /** Mean absolute difference of successive round trips. */
  jitterMs: number | undefined
}

/** The route of one flow: with `flows`. */
export interface FlowStatistics {
  /** Source port of all its probes. */
  sourcePort: number
  /** The target has answered. */
  reached: boolean
  /** In order of distance. */
  hops: HopStatistics[]
}

/** The statistics of a route so far. */
export interface RouteStatistics {
  /** The host as you passed it. */
  host: string
  /** The address probed. */
  address: string
  /** Family of that address, 4 or 6. */
  family: 4 | 6
  /** Rounds that have ended: one probe for each hop and flow. */
  rounds: number
  /** The target has answered. */
  reached: boolean
  /** Why this machine didn't send the newest probe; missing if it did. */
  error?: NetviaError
  /** In order of distance, of all flows together. */
  hops: HopStatistics[]
  /** Each flow separately, if there are several. */
  flows?: FlowStatistics[]
}

const addressesKept = 32
/** Like mtr, probes this many hops beyond the furthest that has answered. */
const silentHops = 5
/** After this many lost probes in a row, the target is also looked for behind the end of the route. */
const silentEnd = 10
/** On a lossy line it takes more: as many as it would lose in a row with this probability. */
const rare = 0.001

/** Counts the probes of a route hop by hop, in constant memory. */
export class RouteRecord {
  readonly #firstHop: number
  readonly #maxHops: number
  readonly #hops = new Map<number, HopRecord>()
  /** The hop at which the end of the route last answered. */
  #end: number | undefined
  /** The newest round in which the end of the route answered. */
  #answeredIn = -1
  /** Lost at the end of the route since that round. */
  #lostAtEnd = 0
  /** Answered and lost at that hop by then. */
  #before = { answered: 0, lost: 0 }
  #furthest: number
  #error: NetviaError | undefined

  constructor({ firstHop, maxHops }: { firstHop: number; maxHops: number }) {
    this.#firstHop = firstHop
    this.#maxHops = maxHops
    this.#furthest = firstHop - 1
  }

  /** The last hop that is worth a probe now. */
  get last(): number {
    return this.#answeringEnd ?? Math.min(this.#maxHops, this.#furthest + silentHops)
  }

  /** The last hop to report: the end, or the first silent hop after those that answer. */
  get depth(): number {
    return this.#end ?? this.#furthest + (this.#hops.has(this.#furthest + 1) ? 1 : 0)
  }

  get reached(): boolean {
    return this.#hops.get(this.depth)?.reached ?? false
  }

  /** The end of the route, unless it is silent: then the route may have become longer, by routers that don't answer. */
  get #answeringEnd(): number | undefined {
    const { answered, lost } = this.#before
    const rarelyLost = lost > 0 ? Math.log(rare) / Math.log(lost / (lost + answered)) : 0
    return this.#lostAtEnd < Math.max(silentEnd, rarelyLost) ? this.#end : undefined
  }

  /** Why this machine didn't send the newest probe. */
  get error(): NetviaError | undefined {
    return this.#error
  }

  /** Adds a probe of round `result.sequence`. Rounds overlap, and losses become known later than answers. */
  add(ttl: number, result: PingResult): void {
    this.#error = result.outcome === 'send-failed' ? result.error : undefined
    const hop = this.#hops.get(ttl) ?? new HopRecord()
    this.#hops.set(ttl, hop)
    hop.add(result)
    if (ttl === this.#end && result.outcome === 'timeout') {
      if (result.sequence > this.#answeredIn) this.#lostAtEnd++
      else this.#before.lost++
    }
    if (result.from === undefined) return
    this.#furthest = Math.max(this.#furthest, ttl)
    if (result.outcome !== 'ttl-exceeded') this.#answered(ttl, result.sequence)
    // The route has become longer.
    else if (this.#end !== undefined && ttl >= this.#end) this.#end = undefined
  }

  /** A probe with this TTL has reached the end of the route. */
  #answered(ttl: number, round: number): void {
    const end = Math.min(this.#answeringEnd ?? ttl, ttl)
    if (end === this.#end) this.#before.lost += this.#lostAtEnd
    else this.#before = { answered: 0, lost: 0 }
    if (ttl === end) this.#before.answered++
    this.#end = end
    this.#answeredIn = Math.max(this.#answeredIn, round)
    this.#lostAtEnd = 0
  }

  /** Resets the figures, but keeps the known length of the route. */
  reset(): void {
    this.#hops.clear()
    this.#error = undefined
  }

  statistics(nameOf: (address: string) => string | undefined, depth = this.depth): HopStatistics[] {
    const hops: HopStatistics[] = []
    for (let ttl = this.#firstHop; ttl <= depth; ttl++) {
      hops.push((this.#hops.get(ttl) ?? new HopRecord()).statistics(ttl, nameOf))
    }
    for (const [index, hop] of hops.entries()) hop.lossContinues = continues(hop, hops.slice(index + 1))
    return hops
  }
}

function continues({ lossRatio = 0, received }: HopStatistics, later: readonly HopStatistics[]): boolean {
  const answering = later.filter(hop => hop.received > 0)
  return lossRatio > 0 && received > 0 && answering.every(hop => hop.lossRatio! >= lossRatio / 2)
}

class HopRecord {
  readonly #counter = new RttCounter()
  readonly #addresses = new Set<string>()
  #latest: string | undefined
  #lastMs: number | undefined
  reached = false

  add(result: PingResult): void {
    this.#counter.sent()
    if (result.outcome === 'send-failed') this.#counter.refused()
    else if (result.outcome === 'timeout') this.#counter.lost()
    else {
      this.#counter.reply(result.rttMs, 0)
      this.#lastMs = result.rttMs
      this.#latest = result.from
      if (this.#addresses.size < addressesKept) this.#addresses.add(result.from)
      this.reached = isReached(result)
    }
  }

  statistics(ttl: number, nameOf: (address: string) => string | undefined): HopStatistics {
    const { sent, unsent, received, lossRatio, avgMs, minMs, maxMs, stddevMs, jitterMs } = this.#counter.snapshot()
    const address = this.#latest
    const name = address === undefined ? undefined : nameOf(address)
    return {
      ttl,
      ...(address !== undefined && { address }),
      ...(name !== undefined && { name }),
      addresses: [...this.#addresses],
      reached: this.reached,
      sent,
      unsent,
      received,
      lossRatio,
      lossContinues: false,
      lastMs: this.#lastMs,
      avgMs,
      bestMs: minMs,
      worstMs: maxMs,
      stddevMs,
      jitterMs,
    }
  }
}
