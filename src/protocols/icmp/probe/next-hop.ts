import { addon } from '../../../binding/addon.js'
import { decodeAddress } from '../../../sockets/address.js'
import { neighbour, nextHop } from '../../../system/netlink/tables.js'
import { wasAnyAsked, wasAnySilent, wasSilent } from '../../../system/silent-neighbours.js'

/** A packet's next hop that has not answered ARP or neighbour discovery yet. */
export interface SilentHop {
  address: string
  /** True if the kernel has given up since and dropped the packet. Otherwise it holds the packet, and may still send it. */
  failed: boolean
}

/** The kernel reports times in hundredths of a second, and starts asking slightly after it receives the packet. */
const slackMs = 50

/**
 * The next hop that didn't answer, for a packet sent `ageMs` ago through `device`. Undefined if the neighbour answers or
 * nothing is certain. Only if some neighbour doesn't answer does netvia ask the kernel for the packet's next hop and its
 * current state.
 */
export function silentNextHop(target: Uint8Array, device: string, ageMs: number): SilentHop | undefined {
  try {
    if (!wasAnySilent(ageMs)) return undefined
    const index = addon().deviceIndex(device)
    // A target that was on the link earlier may still be in the table, and be behind a gateway now.
    const hop = nextHop(decodeAddress(target)!.address.replace(/%.*/, ''), index)
    if (!wasSilent(hop, index, ageMs)) return undefined
    const found = neighbour(hop, index)
    // The kernel removes a failed neighbour some time later.
    if (!found || found.state === 'failed') return { address: hop, failed: true }
    // The kernel has asked again since, so it has dropped what was sent before.
    return found.state === 'incomplete' ? { address: hop, failed: found.changedMs < ageMs - slackMs } : undefined
  } catch {
    // There is no route, or netlink is refused.
    return undefined
  }
}

/** Whether the kernel may be holding a packet for a neighbour on any device. */
export function anyNeighbourAsked(ageMs: number): boolean {
  try {
    return wasAnyAsked(ageMs)
  } catch {
    return true
  }
}
