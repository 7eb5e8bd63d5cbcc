import { addon, Field } from '../../binding/addon.js'
import { hold } from '../../binding/poller.js'
import { systemError } from '../../errors.js'
import { noLongerNeeded } from '../../runtime/deadline.js'
import { encodeAddress, familyOf } from '../../sockets/address.js'
import { openDescriptor } from '../../sockets/open.js'
import { PacketSocket } from '../../sockets/packet-socket.js'
import type { Packet } from '../../sockets/receive-buffer.js'
import { SendBatch } from '../../sockets/send-batch.js'
import { onDeviceLoss } from '../../system/device-loss.js'
import type { Try } from './exchange.js'
import { noAnswer } from './failures.js'
import { decodeResponse, encodeQuery, type Query, type Response } from './message.js'

/**
 * How long the port of a question stays open whose answer is no longer needed, in milliseconds. The answer is on its way, and
 * at a closed port Linux would reject it with an ICMP error that takes the default route, whatever device the socket is bound to.
 */
const lingerTime = 250

/**
 * One query in one datagram, from a descriptor of its own: the kernel chooses a random source port, and as it is connected,
 * only what comes from the server's address and port is ever read (RFC 5452).
 */
export function askOverUdp({ name, server, timeout, path, signal }: Try, query: Query): Promise<Response> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const native = addon()
    const target = encodeAddress(server.address, server.port)
    const where = { ...server, device: path.device }
    const fd = openDescriptor(familyOf(server.address), 'datagram', 0, path)
    const connected = native.connect(fd, target)
    if (connected < 0) {
      native.close(fd)
      throw systemError(connected, 'connect', where)
    }

    const detach = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      endLossWatch()
      release()
    }
    const close = () => socket.close()
    const finish = () => {
      detach()
      close()
    }
    const succeed = (response: Response) => {
      finish()
      resolve(response)
    }
    const fail = (error: unknown) => {
      finish()
      reject(error)
    }
    const onAbort = () => {
      if (signal!.reason !== noLongerNeeded) return fail(signal!.reason)
      detach()
      reject(signal!.reason)
      readable = close
      setTimeout(close, lingerTime).unref()
    }
    let readable = () => drain()
    const socket = new PacketSocket(fd, { readable: () => readable() })
    const release = hold()
    const endLossWatch = onDeviceLoss(fd, path.device, fail)
    // Reads before it gives up: the answer may lie there while the event loop was busy.
    const timer = setTimeout(() => {
      drain()
      if (!socket.closed) fail(noAnswer(name, server, path.device))
    }, timeout)
    signal?.addEventListener('abort', onAbort)

    const drain = () => {
      let response: Response | undefined
      let count: number
      do {
        count = socket.receive(packet => {
          response ??= read(packet, query)
        })
        if (response) return succeed(response)
      } while (count > 0)
      if (count !== -native.constants.EAGAIN!) fail(systemError(count, 'recvmmsg', where))
    }

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
