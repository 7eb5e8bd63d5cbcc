import { addon } from '../../../binding/addon.js'
import { monotonicNow } from '../../../monotonic.js'
import { decodeAddress } from '../../../sockets/address.js'
import type { Neighbour } from '../../../system/netlink/neighbour.js'
import { neighbour, nextHop, readSilentNeighbours } from '../../../system/netlink/tables.js'

/** The next hop of a packet, where nobody there has answered ARP or neighbour discovery yet. */
export interface SilentHop {
  address: string
  /** The kernel has given up since the packet was sent, and dropped it. Else it holds the packet, and may still send it. */
  failed: boolean
}

const cachedMs = 1000
/** The kernel tells times in hundredths of a second, and begins to ask a little after the packet was handed over. */
const slackMs = 50
let silent = new Map<string, Neighbour>()
let readAt = Number.NEGATIVE_INFINITY

const keyOf = (address: string, deviceIndex: number) => `${deviceIndex} ${address}`

/**
 * The silent next hop of a packet that was sent `ageMs` ago through `device`. Undefined where the neighbour answers, or nothing
 * is certain. Silence of thousands costs one reading of the table a second: only where a neighbour is silent at all, the kernel
 * is asked which one the packet needed, and how that one does now.
 */
export function silentNextHop(target: Uint8Array, device: string, ageMs: number): SilentHop | undefined {
  try {
    refresh(ageMs)
    if (silent.size === 0) return undefined
    const index = addon().deviceIndex(device)
    const address = decodeAddress(target)!.address.replace(/%.*/, '')
    const hop = silent.has(keyOf(address, index)) ? address : nextHop(address, index)
    if (!silent.has(keyOf(hop, index))) return undefined
    const found = neighbour(hop, index)
    // The kernel forgets a neighbour some time after it has failed.
    if (!found || found.state === 'failed') return { address: hop, failed: true }
    // Asked again since: what was sent before has been dropped.
    return found.state === 'incomplete' ? { address: hop, failed: found.changedMs < ageMs - slackMs } : undefined
  } catch {
    // No route, or netlink is refused.
    return undefined
  }
}

/** Is a packet perhaps held for a neighbour of whatever device? */
export function anyNeighbourAsked(ageMs: number): boolean {
  try {
    refresh(ageMs)
    return [...silent.values()].some(({ state }) => state === 'incomplete')
  } catch {
    return true
  }
}

/** Not of before the packet: its own neighbour may have fallen silent with it. */
function refresh(ageMs: number): void {
  const now = monotonicNow()
  if (now - readAt < Math.min(ageMs, cachedMs)) return
  silent = new Map(readSilentNeighbours().map(one => [keyOf(one.address, one.deviceIndex), one]))
  readAt = now
}
