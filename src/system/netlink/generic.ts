import { decodeAttributes, encodeAttribute } from './attributes.js'
import { pack, readText, readU16, readU32 } from './bytes.js'
import { requestOne } from './request.js'

/** NETLINK_GENERIC of linux/netlink.h. */
export const genericNetlink = 16
const headerSize = 4

/** GENL_ID_CTRL, CTRL_CMD_GETFAMILY and CTRL_ATTR_* of linux/genetlink.h. */
const controller = 16
const getFamily = 3
const attribute = { id: 1, name: 2, groups: 7 } as const
const groupAttribute = { name: 1, id: 2 } as const

/** A part of the kernel that speaks generic netlink. */
export interface GenericFamily {
  /** Type of its messages. */
  readonly id: number
  /** Its multicast groups by name. */
  readonly groups: ReadonlyMap<string, number>
}

/** `struct genlmsghdr` and attributes. Pure. */
export function encodeGeneric(command: number, ...attributes: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([pack([1, command], [1, 1], [2, 0]), ...attributes])
}

/** The command and the attributes of a message. Pure. */
export function decodeGeneric(payload: Uint8Array) {
  return { command: payload[0], attributes: decodeAttributes(payload.subarray(headerSize)) }
}

/** Undefined if this kernel has no such family. */
export function genericFamily(name: string): GenericFamily | undefined {
  const request = encodeGeneric(getFamily, encodeAttribute(attribute.name, Buffer.from(`${name}\0`)))
  return requestOne(controller, request, decodeFamily, genericNetlink)
}

/** CTRL_CMD_NEWFAMILY; undefined for a truncated message. Pure. */
export function decodeFamily(payload: Uint8Array): GenericFamily | undefined {
  const { attributes } = decodeGeneric(payload)
  const id = readU16(attributes.get(attribute.id) ?? new Uint8Array())
  if (id === undefined) return undefined
  const groups = new Map<string, number>()
  for (const group of decodeAttributes(attributes.get(attribute.groups) ?? new Uint8Array()).values()) {
    const parts = decodeAttributes(group)
    const groupId = readU32(parts.get(groupAttribute.id) ?? new Uint8Array())
    const groupName = parts.get(groupAttribute.name)
    if (groupId !== undefined && groupName) groups.set(readText(groupName), groupId)
  }
  return { id, groups }
}
