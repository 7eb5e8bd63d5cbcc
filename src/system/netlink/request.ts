import { constants } from 'node:os'
import { addon, Field } from '../../binding/addon.js'
import { systemError } from '../../errors.js'
import { nextTurn } from '../../runtime/turns.js'
import { type Packet, receiveBuffer } from '../../sockets/receive-buffer.js'
import { SendBatch } from '../../sockets/send-batch.js'
import { readI32, readU32 } from './bytes.js'
import { decodeMessages, encodeMessage, MessageFlag, MessageType, type NetlinkMessage } from './message.js'

/** The kernel puts at most this much of a dump into one datagram. */
export const netlinkPayload = 32_768

/** A dump that meets a change is taken again; on a machine that never stands still the last reading has to do. */
const dumpAttempts = 10

type Decode<T> = (payload: Uint8Array) => T | undefined

export function openNetlink(): number {
  const { AF_NETLINK, SOCK_RAW, NETLINK_ROUTE } = addon().constants
  const fd = addon().socket(AF_NETLINK!, SOCK_RAW!, NETLINK_ROUTE!)
  if (fd < 0) throw systemError(fd, 'socket(AF_NETLINK)')
  return fd
}

/** The messages of a datagram, if the kernel sent it: `struct sockaddr_nl` has the sender's port id. */
export function messagesOf(packet: Packet): Iterable<NetlinkMessage> {
  return readU32(packet.address, 4) === 0 ? decodeMessages(packet.data) : []
}

/** Longer than the receive buffer's slot: its end is lost. */
export function isCut(packet: Packet): boolean {
  return packet.field(Field.length) > packet.data.length
}

/** All of a table at once. For the small ones: the event loop waits. */
export function dumpNow<T>(type: number, request: Uint8Array, decode: Decode<T>): T[] {
  const steps = dumpSteps(type, request, decode)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** All of a table, with the event loop having its turns in between: a router may have a million routes. */
export async function dump<T>(
  type: number,
  request: Uint8Array,
  decode: Decode<T>,
  signal: AbortSignal | undefined,
): Promise<T[]> {
  const steps = dumpSteps(type, request, decode)
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

/** One message for one message; undefined where the kernel says that there is no such thing. */
export function requestOne<T>(type: number, request: Uint8Array, decode: Decode<T>): T | undefined {
  const fd = openNetlink()
  try {
    send(fd, batchOf(encodeMessage(type, MessageFlag.request, 1, request)))
    const [answer] = receive(fd, message => decode(checked(message).payload))
    return answer
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENODEV') return undefined
    throw error
  } finally {
    addon().close(fd)
  }
}

/**
 * The kernel answers within the system call that asks, and goes on with a dump within the one that reads: nothing here has
 * to be waited for.
 */
function* dumpSteps<T>(type: number, request: Uint8Array, decode: Decode<T>): Generator<undefined, T[]> {
  for (let attempt = 1; ; attempt++) {
    const fd = openNetlink()
    try {
      const found: T[] = []
      let done = false
      let interrupted = false
      send(fd, batchOf(encodeMessage(type, MessageFlag.request | MessageFlag.dump, 1, request)))
      while (!done) {
        const items = receive(fd, message => {
          const { type, flags, payload } = checked(message)
          interrupted ||= (flags & MessageFlag.dumpInterrupted) !== 0
          done ||= type === MessageType.done
          return done ? undefined : decode(payload)
        })
        for (const item of items) found.push(item)
        yield
      }
      if (!interrupted || attempt === dumpAttempts) return found
    } finally {
      addon().close(fd)
    }
  }
}

/** One datagram with one or more messages, to be sent as often as one likes. */
export function batchOf(datagram: Uint8Array): SendBatch {
  const batch = new SendBatch(datagram.length)
  batch.add(datagram, new Uint8Array())
  return batch
}

export function send(fd: number, batch: SendBatch): void {
  const sent = batch.send(fd)
  if (sent < 0) throw systemError(sent, 'sendmsg(AF_NETLINK)')
}

/** What waits at the socket now, decoded. */
export function receive<T>(fd: number, decode: (message: NetlinkMessage) => T | undefined): T[] {
  const buffer = receiveBuffer(netlinkPayload)
  const count = addon().receive(fd, buffer.memory, buffer.table, 0)
  if (count < 0) throw systemError(count, 'recvmsg(AF_NETLINK)')
  const found: T[] = []
  for (let i = 0; i < count; i++) {
    const packet = buffer.select(i)
    if (isCut(packet)) throw systemError(-constants.errno.EMSGSIZE, 'recvmsg(AF_NETLINK)')
    for (const message of messagesOf(packet)) {
      const item = decode(message)
      if (item !== undefined) found.push(item)
    }
  }
  return found
}

/** The message, if it is no error: NLMSG_ERROR and NLMSG_DONE start with an errno, 0 for none. */
function checked(message: NetlinkMessage): NetlinkMessage {
  const { type, payload } = message
  const errno = type === MessageType.error || type === MessageType.done ? (readI32(payload) ?? 0) : 0
  if (errno < 0) throw systemError(errno, 'rtnetlink')
  return message
}
