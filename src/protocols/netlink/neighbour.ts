import { addressFamily, familyOf } from '../../sockets/address.js'
import { encodeAttribute } from './attributes.js'
import { pack, readU16 } from './bytes.js'
import { addressBytes } from './ip-address.js'

const attributeDestination = 1

/** linux/neighbour.h, NUD_*: what ARP or neighbour discovery (RFC 4861) knows of an address on a link. */
export type NeighbourState =
  | 'none'
  | 'incomplete'
  | 'reachable'
  | 'stale'
  | 'delay'
  | 'probe'
  | 'failed'
  | 'noarp'
  | 'permanent'

const states = new Map<number, NeighbourState>([
  [0x00, 'none'],
  [0x01, 'incomplete'],
  [0x02, 'reachable'],
  [0x04, 'stale'],
  [0x08, 'delay'],
  [0x10, 'probe'],
  [0x20, 'failed'],
  [0x40, 'noarp'],
  [0x80, 'permanent'],
])

/** `struct ndmsg` that asks for one neighbour. Pure. */
export function encodeNeighbourRequest(address: string, deviceIndex: number): Uint8Array {
  const family = addressFamily(familyOf(address))
  const header = pack([1, family], [1, 0], [2, 0], [4, deviceIndex], [2, 0], [1, 0], [1, 0])
  return Buffer.concat([header, encodeAttribute(attributeDestination, addressBytes(address))])
}

/** RTM_NEWNEIGH. Pure. */
export function decodeNeighbourState(payload: Uint8Array): NeighbourState | undefined {
  const state = readU16(payload, 8)
  return state === undefined ? undefined : states.get(state)
}
