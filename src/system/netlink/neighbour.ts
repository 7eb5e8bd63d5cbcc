import { addressFamily, familyOf } from '../../sockets/address.js'
import { parseIP } from '../../sockets/ip.js'
import { decodeAttributes, encodeAttribute } from './attributes.js'
import { macText, pack, readI32, readU16, readU32 } from './bytes.js'
import { formatAddress } from './ip-address.js'

const headerSize = 12
const flagsOffset = 10
const NTF_ROUTER = 0x80
const attributeDestination = 1
const attributeLinkAddress = 2
/** NDA_CACHEINFO, `struct nda_cacheinfo`. Its times are in USER_HZ, which is 100 on every architecture that netvia supports. */
const attributeCacheInfo = 3
const updatedOffset = 8
const ticksPerSecond = 100

/** NUD_* of linux/neighbour.h: the state of ARP or neighbour discovery (RFC 4861) for an address on a link. */
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

/** `struct ndmsg` that requests one neighbour. Pure. */
export function encodeNeighbourRequest(address: string, deviceIndex: number): Uint8Array {
  const family = addressFamily(familyOf(address))
  const header = pack([1, family], [1, 0], [2, 0], [4, deviceIndex], [2, 0], [1, 0], [1, 0])
  return Buffer.concat([header, encodeAttribute(attributeDestination, parseIP(address))])
}

/** `struct ndmsg` that requests all neighbours. */
export const neighbourDumpRequest = pack([4, 0], [4, 0], [4, 0])

export interface NeighbourMessage {
  readonly address: string
  readonly deviceIndex: number
  readonly state: NeighbourState | undefined
  /** MAC address; undefined while it isn't known, and on links without Ethernet addresses. */
  readonly mac: string | undefined
  /** Whether it has announced itself as a router (IPv6, RFC 4861). */
  readonly router: boolean
  /** Milliseconds since its state last changed, with a resolution of 10 ms. 0 if the kernel doesn't report it. */
  readonly changedMs: number
}

/** RTM_NEWNEIGH. Pure. */
export function decodeNeighbour(payload: Uint8Array): NeighbourMessage | undefined {
  const attributes = decodeAttributes(payload.subarray(headerSize))
  const address = formatAddress(attributes.get(attributeDestination))
  if (address === undefined) return undefined
  const times = attributes.get(attributeCacheInfo)
  const changedMs = ((times && readU32(times, updatedOffset)) ?? 0) * (1000 / ticksPerSecond)
  return {
    address,
    deviceIndex: readI32(payload, 4)!,
    state: states.get(readU16(payload, 8) ?? -1),
    mac: macText(attributes.get(attributeLinkAddress)),
    router: ((payload[flagsOffset] ?? 0) & NTF_ROUTER) !== 0,
    changedMs,
  }
}

/** Whether such a neighbour hasn't answered ARP or neighbour discovery. */
export function isSilent(state: NeighbourState | undefined): boolean {
  return state === 'failed' || state === 'incomplete'
}

/** RTM_NEWNEIGH of a silent neighbour; undefined for others. Pure. */
export function decodeSilentNeighbour(payload: Uint8Array): NeighbourMessage | undefined {
  const state = states.get(readU16(payload, 8) ?? -1)
  return isSilent(state) ? decodeNeighbour(payload) : undefined
}
