import { constants } from 'node:os'
import { addon } from '../../binding/addon.js'
import { systemError } from '../../errors.js'
import { isolated } from '../../runtime/isolated.js'
import { setImmediate } from '../../runtime/timers.js'
import { trySetOption } from '../../sockets/options.js'
import { PacketSocket } from '../../sockets/packet-socket.js'
import type { Packet } from '../../sockets/receive-buffer.js'
import { decodeLink, type Link } from './link.js'
import { type DeviceAddress, decodeLinkAddress } from './link-address.js'
import { MessageType, type NetlinkMessage } from './message.js'
import { bindNetlink, isCut, messagesOf, netlinkPayload, openNetlink } from './request.js'
import { decodeRoute, type Route } from './route.js'
import { decodeRule, type Rule } from './rule.js'
import { readLinks } from './tables.js'

/** Sets of RTMGRP_* (rtnetlink(7)): links; IPv4 and IPv6 addresses, routes and rules. */
const groups = 0x1 | 0x10 | 0x100 | 0x40 | 0x400 | 0x80 | 0x4_0000
const receiveBufferBytes = 1 << 20
/** Reads in one turn, of up to 64 messages each: a routing daemon may change routes without end. */
const readsPerTurn = 4
/** The same where messages are only discarded: more than the socket's buffer holds. */
const readsPerOverrun = 64

/** A link as changes report it, without counters: they move without a message. */
export type LinkState = Omit<Link, 'counters'>

/** A device appeared, changed or disappeared (RTM_NEWLINK, RTM_DELLINK). */
export interface LinkChange {
  /** Discriminator. */
  readonly type: 'link'
  /** Deleting a device and creating it again under its old name gives `removed` and `added`, with another index. */
  readonly change: 'added' | 'changed' | 'removed'
  /** Name of the device; the new one after a rename. */
  readonly device: string
  /** Index of the device. */
  readonly index: number
  /** The device now, or before it was `removed`. */
  readonly link: LinkState
  /** The device before it was `changed`. */
  readonly previous?: LinkState
}

/** A device got or lost an address (RTM_NEWADDR, RTM_DELADDR). */
export interface AddressChange {
  /** Discriminator. */
  readonly type: 'address'
  /** `added` also reports new flags or lifetimes of an existing address, as the kernel does. */
  readonly change: 'added' | 'removed'
  /** Name of the device. */
  readonly device: string
  /** Index of the device. */
  readonly index: number
  /** The address. */
  readonly address: DeviceAddress
}

/**
 * A route was added or removed. Switching a device off removes its IPv4 routes without a message: only the change of the link
 * shows it.
 */
export interface RouteChange {
  /** Discriminator. */
  readonly type: 'route'
  /** What happened to it. */
  readonly change: 'added' | 'removed'
  /** Device of the first hop; undefined if the route leads nowhere. */
  readonly device?: string
  /** Index of that device. */
  readonly index?: number
  /** The route. */
  readonly route: Route
}

/** A rule that chooses the routing table was added or removed (RTM_NEWRULE, RTM_DELRULE). */
export interface RuleChange {
  readonly type: 'rule'
  readonly change: 'added' | 'removed'
  readonly rule: Rule
}

/** The kernel's messages exceeded the socket buffer, so the tables must be read again. */
export interface Overrun {
  readonly type: 'overrun'
}

export type DeviceChange = LinkChange | AddressChange | RouteChange | RuleChange | Overrun
type Callback = (change: DeviceChange) => void

const callbacks = new Set<Callback>()
const links = new Map<number, LinkState>()
let socket: PacketSocket | undefined

/**
 * Calls back for every change of a link, address, route or rule until you call the returned function. All callers in a thread
 * share one netlink socket, which doesn't keep the event loop alive.
 */
export function onDeviceChange(callback: Callback): () => void {
  // Each call gets its own entry, even for the same function.
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
    if (trySetOption(fd, 'SO_RCVBUFFORCE', receiveBufferBytes) < 0) trySetOption(fd, 'SO_RCVBUF', receiveBufferBytes)
    const errno = bindNetlink(fd, { groups })
    if (errno < 0) throw systemError(errno, 'bind(AF_NETLINK)')
    // Read after joining the groups. Changes in between are reported again, and then change nothing.
    readLinkTable()
  } catch (error) {
    addon().close(fd)
    throw error
  }
  const started = new PacketSocket(fd, { readable: drain }, netlinkPayload, false)
  started.arm()
  return started
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
  for (let reads = 0; reads < (lost ? readsPerOverrun : readsPerTurn); reads++) {
    const count = socket!.receive(take)
    if (count === -addon().constants.EAGAIN!) break
    lost ||= count < 0
    if (count < 0 && count !== -constants.errno.ENOBUFS) break
  }
  // In a later turn: the poller may otherwise report again within this one.
  setImmediate(() => socket?.arm())
  if (lost) {
    // Waiting messages are older than the tables by now.
    try {
      readLinkTable()
    } catch {
      // No descriptor is available, so the old names must do. Listeners learn of the overrun and read for themselves.
    }
    changes = [{ type: 'overrun' }]
  }
  // Only now: a callback may read a table, which uses the same receive buffer.
  for (const change of changes) for (const callback of callbacks) isolated(() => callback(change))
}

function toChange({ type, payload }: NetlinkMessage): DeviceChange | undefined {
  switch (type) {
    case MessageType.newLink:
    case MessageType.deleteLink:
      return linkChange(payload, type === MessageType.deleteLink)
    case MessageType.newAddress:
    case MessageType.deleteAddress: {
      const decoded = decodeLinkAddress(payload)
      if (!decoded) return undefined
      const { deviceIndex: index, address } = decoded
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
