import { addon } from '../../../binding/addon.js'
import { monotonicNow } from '../../../monotonic.js'
import { decodeAddress } from '../../../sockets/address.js'
import { isFailing } from '../../../system/netlink/neighbour.js'
import { neighbourState, nextHop, readFailingNeighbours } from '../../../system/netlink/tables.js'

const cachedMs = 1000
let failing = new Set<string>()
let readAt = Number.NEGATIVE_INFINITY

const keyOf = (address: string, deviceIndex: number) => `${deviceIndex} ${address}`

/**
 * The next hop of a packet that was sent `ageMs` ago by `device`, if nobody there answers ARP or neighbour discovery.
 * Undefined where that is not certain. Silence of thousands costs one reading of the table a second: only where a neighbour
 * fails at all is it asked which one the packet needed, and how that one does now.
 */
export function silentNextHop(target: Uint8Array, device: string, ageMs: number): string | undefined {
  try {
    refresh(ageMs)
    if (failing.size === 0) return undefined
    const index = addon().deviceIndex(device)
    const address = decodeAddress(target)!.address.replace(/%.*/, '')
    const isOnLink = failing.has(keyOf(address, index))
    const hop = isOnLink ? address : nextHop(address, index)
    return failing.has(keyOf(hop, index)) && isFailing(neighbourState(hop, index)) ? hop : undefined
  } catch {
    // No route, or netlink is refused.
    return undefined
  }
}

/** Not of before the packet: its own neighbour may have begun to fail with it. */
function refresh(ageMs: number): void {
  const now = monotonicNow()
  if (now - readAt < Math.min(ageMs, cachedMs)) return
  failing = new Set(readFailingNeighbours().map(({ address, deviceIndex }) => keyOf(address, deviceIndex)))
  readAt = now
}
