import { constants } from 'node:os'
import { addon, Field } from '../../binding/addon.js'
import { hold } from '../../binding/poller.js'
import { systemError } from '../../errors.js'
import { encodeAddress, familyOf } from '../../sockets/address.js'
import { openDescriptor } from '../../sockets/open.js'
import { PacketSocket } from '../../sockets/packet-socket.js'
import type { Packet } from '../../sockets/receive-buffer.js'
import { SendBatch } from '../../sockets/send-batch.js'
import { onLink } from '../../sockets/zone.js'
import { onDeviceLoss } from '../../system/device-loss.js'
import { isThisMachine } from '../../system/reach.js'
import type { Try } from './exchange.js'
import { endLinger, linger } from './linger.js'
import { decodeResponse, encodeQuery, type Query, type Response } from './message.js'

const { EACCES, ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENETUNREACH, ENOPROTOOPT, EOPNOTSUPP, EPROTO } = constants.errno
/** What the kernel makes of ICMP errors (icmp(7), RFC 1122 section 3.2.2.1). */
const icmpErrors = new Set(
  [EACCES, ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENETUNREACH, ENOPROTOOPT, EOPNOTSUPP, EPROTO].map(errno => -errno),
)

/**
 * One query in one datagram, from a descriptor of its own: the kernel chooses a random source port, and as it is connected,
 * only what comes from the server's address and port is ever read (RFC 5452). It waits until `signal` fires.
 */
export function askOverUdp({ server, path, signal, onUnreachable }: Try, query: Query): Promise<Response> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const native = addon()
    const target = onLink(encodeAddress(server.address, server.port), path.device)
    const where = { ...server, device: path.device }
    const fd = openDescriptor(familyOf(server.address), 'datagram', 0, path)
    const connected = native.connect(fd, target)
    if (connected < 0) {
      native.close(fd)
      throw systemError(connected, 'connect', where)
    }

    const detach = () => {
      signal.removeEventListener('abort', onAbort)
      endLossWatch()
      release()
    }
    const succeed = (response: Response) => {
      detach()
      socket.close()
      resolve(response)
    }
    const fail = (error: unknown) => {
      detach()
      socket.close()
      reject(error)
    }
    // Reads before it gives up: the answer may lie there while the event loop was busy.
    const onAbort = () => {
      readable()
      if (socket.closed) return
      detach()
      reject(signal.reason)
      // An answer from this machine itself needs no linger: nothing leaves.
      if (isThisMachine(server.address)) return socket.close()
      readable = () => endLinger(socket)
      linger(socket)
    }
    let unreachable = false
    let readable = () => {
      for (;;) {
        let response: Response | undefined
        const count = socket.receive(packet => {
          response ??= read(packet, query)
        })
        if (response) return succeed(response)
        if (count === -native.constants.EAGAIN!) return
        if (count > 0) continue
        const error = systemError(count, 'recvmmsg', where)
        // This machine knows which of its own ports are closed.
        if (!icmpErrors.has(count) || isThisMachine(server.address)) return fail(error)
        if (!unreachable) onUnreachable(error)
        unreachable = true
      }
    }
    const socket = new PacketSocket(fd, { readable: () => readable() })
    const release = hold()
    const endLossWatch = onDeviceLoss(fd, path.device, fail)
    signal.addEventListener('abort', onAbort)

    const batch = new SendBatch(512)
    batch.add(encodeQuery(query), new Uint8Array())
    const sent = batch.send(fd)
    if (sent < 0) fail(systemError(sent, 'sendmmsg', where))
  })
}

function read(packet: Packet, query: Query): Response | undefined {
  const bytes = packet.data
  // Longer than its room, it has lost its end: then it counts as cut off by the server (TC, RFC 1035 section 4.1.1).
  if (packet.field(Field.length) > bytes.length) bytes[2]! |= 0x02
  return decodeResponse(bytes, query)
}
