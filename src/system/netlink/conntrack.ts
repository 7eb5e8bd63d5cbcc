import { type Attributes, decodeAttributes, encodeAttribute } from './attributes.js'
import { formatAddress } from './ip-address.js'
import type { Order } from './request.js'

/** NETLINK_NETFILTER of linux/netlink.h. */
export const netfilter = 12
/** NFNL_SUBSYS_CTNETLINK of linux/netfilter/nfnetlink.h, and IPCTNL_MSG_CT_GET and _DELETE of nfnetlink_conntrack.h. */
const subsystem = 1 << 8
export const getConnections = subsystem | 1
const deleteConnection = subsystem | 2

/** CTA_* of linux/netfilter/nfnetlink_conntrack.h. */
const attribute = { original: 1, reply: 2, id: 12, zone: 18 } as const
const tupleAddresses = 1
const address = { source4: 1, destination4: 2, source6: 3, destination6: 4 } as const
const headerSize = 4
const nested = 0x8000

/** A connection tracked by the kernel. */
export interface TrackedConnection {
  /** Address that started it. */
  readonly source: string
  /** Address its answers go to. It differs from `source` after address translation. */
  readonly replyTo: string
  /** The netlink request that removes it from the kernel's table. */
  readonly forget: Order
}

/** `struct nfgenmsg` that requests all connections of one family. Pure. */
export function encodeConnectionsRequest(family: number): Uint8Array {
  return Uint8Array.of(family, 0, 0, 0)
}

/** Returns undefined for truncated messages and other families. Pure. */
export function decodeConnection(payload: Uint8Array): TrackedConnection | undefined {
  const attributes = decodeAttributes(payload.subarray(headerSize))
  const original = addressesOf(attributes.get(attribute.original))
  const reply = addressesOf(attributes.get(attribute.reply))
  const source = formatAddress(original.get(address.source4) ?? original.get(address.source6))
  const replyTo = formatAddress(reply.get(address.destination4) ?? reply.get(address.destination6))
  if (source === undefined || replyTo === undefined) return undefined
  return { source, replyTo, forget: { type: deleteConnection, flags: 0, payload: deletionOf(payload, attributes) } }
}

/** Identifies it by its original tuple and its id, because a later connection with the same addresses and ports is another. */
function deletionOf(payload: Uint8Array, attributes: Attributes): Uint8Array {
  const copies = [attribute.original | nested, attribute.id, attribute.zone].flatMap(type => {
    const value = attributes.get(type & ~nested)
    return value ? [encodeAttribute(type, value)] : []
  })
  return Buffer.concat([payload.subarray(0, headerSize), ...copies])
}

function addressesOf(tuple: Uint8Array | undefined): Attributes {
  return decodeAttributes(decodeAttributes(tuple ?? new Uint8Array()).get(tupleAddresses) ?? new Uint8Array())
}
