import { constants } from 'node:os'
import { addon } from '../../binding/addon.js'
import { systemError } from '../../errors.js'
import { trySetOption } from '../../sockets/options.js'
import { PacketSocket } from '../../sockets/packet-socket.js'
import type { Packet } from '../../sockets/receive-buffer.js'
import { pack } from './bytes.js'
import { decodeLink, type Link } from './link.js'
import { type DeviceAddress, decodeLinkAddress } from './link-address.js'
import { MessageType, type NetlinkMessage } from './message.js'
import { isCut, messagesOf, netlinkPayload, openNetlink } from './request.js'
import { decodeRoute, type Route } from './route.js'
import { decodeRule, type Rule } from './rule.js'
import { readLinks } from './tables.js'

/** Sets of RTMGRP_* (rtnetlink(7)): links; IPv4 and IPv6 addresses, routes and rules. */
const groups = 0x1 | 0x10 | 0x100 | 0x40 | 0x400 | 0x80 | 0x4_0000
const receiveBufferBytes = 1 << 20

/** A link as it is told in changes: its counters move without a message. */
export type LinkState = Omit<Link, 'counters'>

/** A device came, changed or went (RTM_NEWLINK, RTM_DELLINK). */
export interface LinkChange {
  /** Tells it from the other events. */
  readonly type: 'link'
  /** Deleting a device and making it again under its old name is `removed` and `added`: another index. */
  readonly change: 'added' | 'changed' | 'removed'
  /** Its name, after a change of name the new one. */
  readonly device: string
  /** Index of the device. */
  readonly index: number
  /** What it is now; of a `removed` one, what it was. */
  readonly link: LinkState
  /** What it was before a `changed`. */
  readonly previous?: LinkState
}

/** A device got or lost an address (RTM_NEWADDR, RTM_DELADDR). */
export interface AddressChange {
  /** Tells it from the other events. */
  readonly type: 'address'
  /** `added` also tells new flags or lifetimes of an address that is there already, as the kernel does. */
  readonly change: 'added' | 'removed'
  /** Name of the device. */
  readonly device: string
  /** Index of the device. */
  readonly index: number
  /** The address. */
  readonly address: DeviceAddress
}

/** Switching a device off removes its IPv4 routes without a word of the kernel: the change of the link tells that. */
export interface RouteChange {
  /** Tells it from the other events. */
  readonly type: 'route'
  /** What happened to it. */
  readonly change: 'added' | 'removed'
  /** Device of the first hop; undefined for a route that leads nowhere. */
  readonly device?: string
  /** Index of that device. */
  readonly index?: number
  /** The route. */
  readonly route: Route
}

/** A rule that chooses the routing table came or went (RTM_NEWRULE, RTM_DELRULE). */
export interface RuleChange {
  readonly type: 'rule'
  readonly change: 'added' | 'removed'
  readonly rule: Rule
}

/** The kernel had more to tell than the socket could hold: what one knew must be read anew. */
export interface Overrun {
  readonly type: 'overrun'
}

export type DeviceChange = LinkChange | AddressChange | RouteChange | RuleChange | Overrun
type Callback = (change: DeviceChange) => void

const callbacks = new Set<Callback>()
const links = new Map<number, LinkState>()
let socket: PacketSocket | undefined

/**
 * Calls back for every change of a link, address, route or rule, from now until the returned function is called. All callers of a
 * thread share one netlink socket, which does not keep the event loop alive.
 */
export function onDeviceChange(callback: Callback): () => void {
  // One entry a call, whatever function it is.
  const own: Callback = change => callback(change)
  callbacks.add(own)
  try {
    socket ??= start()
  } catch (error) {
    callbacks.delete(own)
    throw error
  }
  return () => {
    callbacks.delete(own)
    if (callbacks.size > 0) return
    socket?.close()
    socket = undefined
  }
}

function start(): PacketSocket {
  const fd = openNetlink()
  try {
    const { AF_NETLINK } = addon().constants
    if (trySetOption(fd, 'SO_RCVBUFFORCE', receiveBufferBytes) < 0) trySetOption(fd, 'SO_RCVBUF', receiveBufferBytes)
    const errno = addon().bind(fd, pack([2, AF_NETLINK!], [2, 0], [4, 0], [4, groups]))
    if (errno < 0) throw systemError(errno, 'bind(AF_NETLINK)')
    // After joining the groups: what changes in between is told again, and is then no change.
    readLinkTable()
    return new PacketSocket(fd, { readable: drain }, netlinkPayload)
  } catch (error) {
    addon().close(fd)
    throw error
  }
}

function readLinkTable(): void {
  const found = readLinks()
  links.clear()
  for (const { counters, ...link } of found) links.set(link.index, link)
}

function drain(): void {
  let changes: DeviceChange[] = []
  let lost = false
  const take = (packet: Packet) => {
    lost ||= isCut(packet)
    if (lost) return
    for (const message of messagesOf(packet)) {
      const change = toChange(message)
      if (change) changes.push(change)
    }
  }
  for (;;) {
    const count = socket!.receive(take)
    if (count === -addon().constants.EAGAIN!) break
    lost ||= count < 0
    if (count < 0 && count !== -constants.errno.ENOBUFS) break
  }
  if (lost) {
    // What waited is older than the tables are by now.
    try {
      readLinkTable()
    } catch {
      // No descriptor to be had: the old names have to do. Who hears of the overrun looks for itself.
    }
    changes = [{ type: 'overrun' }]
  }
  // Only now: a callback may read a table, and that uses the same receive buffer.
  for (const change of changes) for (const callback of callbacks) tell(callback, change)
}

/** The others, and this socket, go on when one caller's code throws. */
function tell(callback: Callback, change: DeviceChange): void {
  try {
    callback(change)
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}

function toChange({ type, payload }: NetlinkMessage): DeviceChange | undefined {
  switch (type) {
    case MessageType.newLink:
    case MessageType.deleteLink:
      return linkChange(payload, type === MessageType.deleteLink)
    case MessageType.newAddress:
    case MessageType.deleteAddress: {
      const told = decodeLinkAddress(payload)
      if (!told) return undefined
      const { deviceIndex: index, address } = told
      const change = type === MessageType.newAddress ? 'added' : 'removed'
      return { type: 'address', change, device: nameOf(index), index, address }
    }
    case MessageType.newRoute:
    case MessageType.deleteRoute: {
      const route = decodeRoute(payload)
      if (!route) return undefined
      const index = route.hops[0]?.deviceIndex
      const change = type === MessageType.newRoute ? 'added' : 'removed'
      return { type: 'route', change, device: index === undefined ? undefined : nameOf(index), index, route }
    }
    case MessageType.newRule:
    case MessageType.deleteRule: {
      const rule = decodeRule(payload)
      return rule && { type: 'rule', change: type === MessageType.newRule ? 'added' : 'removed', rule }
    }
  }
  return undefined
}

function linkChange(payload: Uint8Array, removed: boolean): LinkChange | undefined {
  const decoded = decodeLink(payload)
  if (!decoded) return undefined
  const { counters, ...link } = decoded
  const { index, name: device } = link
  const previous = links.get(index)
  if (removed) {
    if (!links.delete(index)) return undefined
    return { type: 'link', change: 'removed', device, index, link }
  }
  links.set(index, link)
  if (!previous) return { type: 'link', change: 'added', device, index, link }
  const keys = Object.keys(link) as (keyof LinkState)[]
  if (keys.every(key => link[key] === previous[key])) return undefined
  return { type: 'link', change: 'changed', device, index, link, previous }
}

function nameOf(index: number): string {
  return links.get(index)?.name ?? String(index)
}
