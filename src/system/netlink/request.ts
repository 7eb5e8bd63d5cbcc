import { constants } from 'node:os'
import { addon, Field } from '../../binding/addon.js'
import { type NetviaError, systemError } from '../../errors.js'
import { nextTurn } from '../../runtime/turns.js'
import { type Packet, receiveBuffer } from '../../sockets/receive-buffer.js'
import { SendBatch } from '../../sockets/send-batch.js'
import { pack, readI32, readU32 } from './bytes.js'
import { decodeMessages, encodeMessage, MessageFlag, MessageType, type NetlinkMessage } from './message.js'

/** The kernel puts at most this much of a dump into one datagram, unless a single message is longer. */
export const netlinkPayload = 32_768
/** Room for a datagram. It grows: a device with hundreds of alternative names takes more. */
let room = netlinkPayload

/**
 * Attempts at a dump that the kernel reports as changed meanwhile. If the tables never stand still, the last reading is
 * used.
 */
const dumpAttempts = 10

type Decode<T> = (payload: Uint8Array) => T | undefined

/** `protocol` is a NETLINK_* of linux/netlink.h; default: NETLINK_ROUTE. */
export function openNetlink(protocol = addon().constants.NETLINK_ROUTE!): number {
  const { AF_NETLINK, SOCK_RAW } = addon().constants
  const fd = addon().socket(AF_NETLINK!, SOCK_RAW!, protocol)
  if (fd < 0) throw systemError(fd, 'socket(AF_NETLINK)')
  return fd
}

/**
 * bind(2) of a `struct sockaddr_nl` (netlink(7)). `portId`: default: one that the kernel chooses. `groups`: a set of RTMGRP_*. Returns 0 or
 * a negative errno.
 */
export function bindNetlink(fd: number, { portId = 0, groups = 0 }: { portId?: number; groups?: number } = {}): number {
  return addon().bind(fd, pack([2, addon().constants.AF_NETLINK!], [2, 0], [4, portId], [4, groups]))
}

/** The messages of a datagram, if the kernel sent it: `struct sockaddr_nl` has the sender's port id. */
export function messagesOf(packet: Packet): Iterable<NetlinkMessage> {
  return readU32(packet.address, 4) === 0 ? decodeMessages(packet.data) : []
}

/** Whether the message is longer than the receive buffer's slot, so that its end is lost. */
export function isCut(packet: Packet): boolean {
  return packet.field(Field.length) > packet.data.length
}

/** Reads a whole table in one call. Use it only for small ones, because it blocks the event loop. */
export function dumpNow<T>(type: number, request: Uint8Array, decode: Decode<T>): T[] {
  const steps = dumpSteps(type, request, decode)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** Reads a whole table, and gives the event loop turns in between: a router may have a million routes. */
export async function dump<T>(
  type: number,
  request: Uint8Array,
  decode: Decode<T>,
  signal?: AbortSignal,
  protocol?: number,
): Promise<T[]> {
  const steps = dumpSteps(type, request, decode, protocol)
  try {
    for (;;) {
      signal?.throwIfAborted()
      const step = steps.next()
      if (step.done) return step.value
      await nextTurn()
    }
  } finally {
    steps.return([])
  }
}

/** Sends one message and returns the answer; undefined if the kernel reports that there is no such thing. */
export function requestOne<T>(type: number, request: Uint8Array, decode: Decode<T>, protocol?: number): T | undefined {
  const fd = openNetlink(protocol)
  try {
    const batch = batchOf(encodeMessage(type, MessageFlag.request, 1, request))
    const [answer] = ask(fd, batch, message => decode(checked(message).payload))
    return answer
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENODEV') return undefined
    throw error
  } finally {
    addon().close(fd)
  }
}

/** A message that changes something. */
export interface Order {
  readonly type: number
  readonly flags: number
  readonly payload: Uint8Array
}

/** The receive buffer of any socket has room for this many acknowledgements. */
const ordersAtOnce = 32
/** Reads, of 64 datagrams each: more than any socket's buffer holds. */
const maxDiscarded = 64
let lastSequence = 0

/**
 * Carries out the orders one after the other, whether or not earlier ones succeeded. Returns 0 or a negative errno for
 * each. Doesn't throw.
 */
export function carryOut(fd: number, orders: readonly Order[]): number[] {
  const results: number[] = []
  for (let first = 0; first < orders.length; first += ordersAtOnce) {
    results.push(...carryOutSome(fd, orders.slice(first, first + ordersAtOnce)))
  }
  return results
}

function carryOutSome(fd: number, orders: readonly Order[]): number[] {
  const first = lastSequence + 1
  lastSequence = (lastSequence + orders.length) % 2 ** 31
  const flags = MessageFlag.request | MessageFlag.acknowledge
  const messages = orders.map((order, i) => encodeMessage(order.type, flags | order.flags, first + i, order.payload))
  const results = new Map<number, number>()
  // Answers to earlier orders may wait still, if an error kept those from being read.
  const take = ({ type, sequence, payload }: NetlinkMessage): void => {
    const index = sequence - first
    if (type === MessageType.error && index >= 0 && index < orders.length) results.set(index, readI32(payload)!)
  }
  let failure = 0
  try {
    discardWaiting(fd)
    send(fd, batchOf(Buffer.concat(messages)))
    while (results.size < orders.length) receive(fd, take)
  } catch (error) {
    failure = (error as NetviaError).errno!
  }
  return orders.map((_, index) => results.get(index) ?? failure)
}

/** So that there is room for the answers. */
function discardWaiting(fd: number): void {
  const buffer = receiveBuffer(room)
  for (let i = 0; i < maxDiscarded; i++) {
    if (addon().receive(fd, buffer.memory, buffer.table, 0) === -constants.errno.EAGAIN) return
  }
}

/**
 * The kernel answers within the system call that sends the request, and continues a dump within the one that reads. So
 * nothing here has to wait.
 */
function* dumpSteps<T>(
  type: number,
  request: Uint8Array,
  decode: Decode<T>,
  protocol?: number,
): Generator<undefined, T[]> {
  for (let attempt = 1; ; attempt++) {
    const fd = openNetlink(protocol)
    try {
      const found: T[] = []
      let done = false
      let interrupted = false
      send(fd, batchOf(encodeMessage(type, MessageFlag.request | MessageFlag.dump, 1, request)))
      while (!done) {
        const items = receive(fd, message => {
          const { type, flags, payload } = checked(message)
          interrupted ||= (flags & MessageFlag.dumpInterrupted) !== 0 || type === MessageType.overrun
          done ||= type === MessageType.done
          return done ? undefined : decode(payload)
        })
        for (const item of items) found.push(item)
        yield
      }
      if (!interrupted || attempt === dumpAttempts) return found
    } catch (error) {
      if (!isTooLong(error) || attempt === dumpAttempts) throw error
    } finally {
      addon().close(fd)
    }
  }
}

/** One datagram with one or more messages, which can be sent repeatedly. */
export function batchOf(datagram: Uint8Array): SendBatch {
  const batch = new SendBatch(datagram.length)
  batch.add(datagram, new Uint8Array())
  return batch
}

export function send(fd: number, batch: SendBatch): void {
  const sent = batch.send(fd)
  if (sent < 0) throw systemError(sent, 'sendmsg(AF_NETLINK)')
}

/** Sends requests, and returns the answers, decoded. */
export function ask<T>(fd: number, batch: SendBatch, decode: (message: NetlinkMessage) => T | undefined): T[] {
  try {
    send(fd, batch)
    return receive(fd, decode)
  } catch (error) {
    if (!isTooLong(error)) throw error
    send(fd, batch)
    return receive(fd, decode)
  }
}

/**
 * Decodes the messages that wait at the socket now.
 *
 * @throws NetviaError `EMSGSIZE` for a datagram that was too long. The next one has room.
 */
function receive<T>(fd: number, decode: (message: NetlinkMessage) => T | undefined): T[] {
  const buffer = receiveBuffer(room)
  const count = addon().receive(fd, buffer.memory, buffer.table, 0)
  if (count < 0) throw systemError(count, 'recvmsg(AF_NETLINK)')
  const found: T[] = []
  for (let i = 0; i < count; i++) {
    const packet = buffer.select(i)
    if (isCut(packet)) {
      while (room < packet.field(Field.length)) room *= 2
      throw systemError(-constants.errno.EMSGSIZE, 'recvmsg(AF_NETLINK)')
    }
    for (const message of messagesOf(packet)) {
      const item = decode(message)
      if (item !== undefined) found.push(item)
    }
  }
  return found
}

function isTooLong(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EMSGSIZE'
}

/** Returns the message unless it is an error: NLMSG_ERROR and NLMSG_DONE start with an errno, 0 for none. */
function checked(message: NetlinkMessage): NetlinkMessage {
  const { type, payload } = message
  const errno = type === MessageType.error || type === MessageType.done ? (readI32(payload) ?? 0) : 0
  if (errno < 0) throw systemError(errno, 'rtnetlink')
  return message
}
