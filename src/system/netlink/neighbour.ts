import { addressFamily, familyOf } from '../../sockets/address.js'
import { parseIP } from '../../sockets/ip.js'
import { decodeAttributes, encodeAttribute } from './attributes.js'
import { pack, readI32, readU16 } from './bytes.js'
import { formatAddress } from './ip-address.js'

const headerSize = 12
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
  return Buffer.concat([header, encodeAttribute(attributeDestination, parseIP(address))])
}

/** `struct ndmsg` that asks for all neighbours. */
export const neighbourDumpRequest = pack([4, 0], [4, 0], [4, 0])

export interface Neighbour {
  readonly address: string
  readonly deviceIndex: number
}

export const isFailing = (state: NeighbourState | undefined) => state === 'failed' || state === 'incomplete'

/** RTM_NEWNEIGH of a neighbour that does not answer; undefined for the others. Pure. */
export function decodeFailingNeighbour(payload: Uint8Array): Neighbour | undefined {
  if (!isFailing(decodeNeighbourState(payload))) return undefined
  const address = formatAddress(decodeAttributes(payload.subarray(headerSize)).get(attributeDestination))
  return address === undefined ? undefined : { address, deviceIndex: readI32(payload, 4)! }
}

/** RTM_NEWNEIGH. Pure. */
export function decodeNeighbourState(payload: Uint8Array): NeighbourState | undefined {
  const state = readU16(payload, 8)
  return state === undefined ? undefined : states.get(state)
}
