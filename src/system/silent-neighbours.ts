import { monotonicNow } from '../monotonic.js'
import type { NeighbourMessage } from './netlink/neighbour.js'
import { readSilentNeighbours } from './netlink/tables.js'

const cachedMs = 1000
let silent = new Map<string, NeighbourMessage>()
let readAt = Number.NEGATIVE_INFINITY

const keyOf = (address: string, deviceIndex: number) => `${deviceIndex} ${address}`

/**
 * Whether a neighbour has not answered ARP or neighbour discovery, since a packet was sent `ageMs` ago. That may be a second old: thousands
 * of unanswered packets cost one read of the table per second.
 */
export function wasSilent(address: string, deviceIndex: number, ageMs: number): boolean {
  refresh(ageMs)
  return silent.has(keyOf(address, deviceIndex))
}

/** Whether any neighbour was silent. */
export function wasAnySilent(ageMs: number): boolean {
  refresh(ageMs)
  return silent.size > 0
}

/** Whether the kernel may be holding a packet for a neighbour on any device. */
export function wasAnyAsked(ageMs: number): boolean {
  refresh(ageMs)
  return [...silent.values()].some(({ state }) => state === 'incomplete')
}

/** The snapshot must be newer than the packet: its neighbour may have stopped answering since. */
function refresh(ageMs: number): void {
  const now = monotonicNow()
  if (now - readAt < Math.min(ageMs, cachedMs)) return
  silent = new Map(readSilentNeighbours().map(one => [keyOf(one.address, one.deviceIndex), one]))
  readAt = now
}
