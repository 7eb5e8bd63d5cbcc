import type { Socket } from 'node:net'
import { NetviaError } from '../../errors.js'
import type { Signal } from '../../runtime/cancel.js'
import { handOver } from '../../sockets/hand-over.js'
import { destroyWithDevice } from '../../system/device-loss.js'
import { connectDescriptor } from '../connect-descriptor.js'
import type { Try } from './exchange.js'
import { serverFailed } from './failures.js'
import { decodeResponse, encodeQuery, type Query, type Response } from './message.js'

/** Sends one query over its own TCP connection. The length precedes each message (RFC 1035 section 4.2.2). */
export async function askOverTcp({ server, path, signal }: Try, query: Query): Promise<Response> {
  try {
    const fd = await connectDescriptor(server.address, server.port, path, signal)
    const socket = handOver(fd, path.device)
    destroyWithDevice(socket, path.device)
    const bytes = await converse(socket, encodeQuery(query), signal)
    const response = decodeResponse(bytes, query)
    if (!response) throw serverFailed('something that is no answer', server)
    if (response.truncated) throw serverFailed('an answer that is cut off or malformed, over TCP too', server)
    return response
  } catch (error) {
    throw error instanceof NetviaError || signal.aborted ? error : connectionFailed(error as NodeJS.ErrnoException)
  }

  function connectionFailed(cause: NodeJS.ErrnoException): NetviaError {
    const { code = 'ECONNRESET', errno, syscall = 'read', message } = cause
    return new NetviaError(message, { code, errno, syscall, ...server, device: path.device, cause })
  }
}

/** Sends one message and resolves with the answer. Always closes the socket. */
export function converse(socket: Socket, message: Uint8Array, signal: Signal): Promise<Uint8Array> {
  return new Promise<Uint8Array>((resolve, reject) => {
    signal.throwIfAborted()
    let received = Buffer.alloc(0)
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
    socket.on('error', reject)
    socket.on('close', () => {
      signal.removeEventListener('abort', onAbort)
      reject(new Error('the server closed the connection before its answer was whole'))
    })
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk])
      if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        resolve(received.subarray(2, 2 + received.readUInt16BE(0)))
      }
    })
    const prefix = Buffer.alloc(2)
    prefix.writeUInt16BE(message.length)
    socket.write(Buffer.concat([prefix, message]))
  }).finally(() => socket.destroy())
}
