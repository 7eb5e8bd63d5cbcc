import { decodeAttributes } from './attributes.js'
import { pack, readI32, readU32 } from './bytes.js'
import { formatAddress } from './ip-address.js'
import { isOnLink, type RouteHop } from './route.js'

const headerSize = 8
const groupEntrySize = 8
const flagsOffset = 4
const attribute = { id: 1, group: 2, device: 5, gateway: 6 } as const

/** A nexthop object (ip-nexthop(8)): one hop, or a group of others. */
export interface Nexthop {
  readonly id: number
  readonly hop?: RouteHop
  readonly group: readonly number[]
}

/** `struct nhmsg` that requests all nexthop objects. */
export const nexthopDumpRequest = pack([4, 0], [4, 0])

/** RTM_NEWNEXTHOP (Linux 5.3). Pure. */
export function decodeNexthop(payload: Uint8Array): Nexthop | undefined {
  const attributes = decodeAttributes(payload.subarray(headerSize))
  const id = readU32(attributes.get(attribute.id) ?? new Uint8Array())
  if (id === undefined) return undefined
  const deviceIndex = readI32(attributes.get(attribute.device) ?? new Uint8Array())
  const gateway = formatAddress(attributes.get(attribute.gateway))
  const onLink = isOnLink(readU32(payload, flagsOffset)!)
  const members = attributes.get(attribute.group) ?? new Uint8Array()
  const group = []
  for (let offset = 0; offset + groupEntrySize <= members.length; offset += groupEntrySize) {
    group.push(readU32(members, offset)!)
  }
  return { id, hop: deviceIndex === undefined ? undefined : { deviceIndex, gateway, onLink }, group }
}

/** The hops of an id. The kernel doesn't allow groups within groups. Pure. */
export function hopsOf(id: number, nexthops: ReadonlyMap<number, Nexthop>): RouteHop[] {
  const nexthop = nexthops.get(id)
  const members = nexthop?.group.length ? nexthop.group.map(member => nexthops.get(member)) : [nexthop]
  return members.flatMap(member => member?.hop ?? [])
}
