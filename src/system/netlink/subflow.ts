import { AF_INET, AF_INET6 } from '../../sockets/address.js'
import { parseIP } from '../../sockets/ip.js'
import { encodeAttribute } from './attributes.js'
import { pack, readU32 } from './bytes.js'
import { decodeGeneric, encodeGeneric } from './generic.js'

/** Generic netlink family, and its group of events (linux/mptcp_pm.h). */
export const pathManagerFamily = 'mptcp_pm'
export const pathManagerEvents = 'mptcp_pm_events'

/** MPTCP_PM_CMD_*. */
export const SubflowCommand = { setFlags: 7, create: 10, destroy: 11 } as const

/** MPTCP_EVENT_*. */
export const MultipathEvent = { established: 2, subflowEstablished: 10, subflowClosed: 11 } as const

/** MPTCP_PM_ATTR_*, MPTCP_PM_ADDR_ATTR_*, MPTCP_PM_ADDR_FLAG_BACKUP, and MPTCP_ATTR_TOKEN and _IF_IDX of an event. */
const attribute = { local: 1, token: 4, remote: 6 } as const
const part = { family: 1, id: 2, address4: 3, address6: 4, port: 5, flags: 6, device: 7 } as const
const backupFlag = 4
const event = { token: 1, device: 15 } as const
const nested = 0x8000

/** One end of a subflow. */
export interface SubflowEnd {
  readonly address: string
  /** Left out: the kernel picks one. */
  readonly port?: number
  /** Address id (RFC 8684 section 3.2), unique within the connection. */
  readonly id?: number
  readonly backup?: boolean
  /** Index of the device that the subflow is bound to. */
  readonly deviceIndex?: number
}

/** A command about one subflow of the connection with this token. Pure. */
export function encodeSubflow(command: number, token: number, local: SubflowEnd, remote: SubflowEnd): Uint8Array {
  return encodeGeneric(
    command,
    encodeAttribute(attribute.local | nested, encodeEnd(local)),
    encodeAttribute(attribute.token, pack([4, token])),
    encodeAttribute(attribute.remote | nested, encodeEnd(remote)),
  )
}

function encodeEnd({ address, port, id, backup, deviceIndex }: SubflowEnd): Uint8Array {
  const v6 = address.includes(':')
  const parts = [
    encodeAttribute(part.family, pack([2, v6 ? AF_INET6 : AF_INET])),
    encodeAttribute(v6 ? part.address6 : part.address4, parseIP(address)),
  ]
  // The kernel takes the port in the machine's byte order, unlike ports elsewhere.
  if (port !== undefined) parts.push(encodeAttribute(part.port, pack([2, port])))
  if (id !== undefined) parts.push(encodeAttribute(part.id, pack([1, id])))
  if (backup) parts.push(encodeAttribute(part.flags, pack([4, backupFlag])))
  if (deviceIndex !== undefined) parts.push(encodeAttribute(part.device, pack([4, deviceIndex])))
  return Buffer.concat(parts)
}

/** An event of the path manager. */
export interface PathEvent {
  readonly event: number
  /** Identifies the connection. */
  readonly token: number
  /** The device that the subflow is bound to; undefined for none. */
  readonly deviceIndex: number | undefined
}

/** Decodes an event of the path manager. Pure. */
export function decodeMultipathEvent(payload: Uint8Array): PathEvent | undefined {
  const { command, attributes } = decodeGeneric(payload)
  const number = (type: number) => readU32(attributes.get(type) ?? new Uint8Array())
  const token = number(event.token)
  if (command === undefined || token === undefined) return undefined
  return { event: command, token, deviceIndex: number(event.device) }
}
