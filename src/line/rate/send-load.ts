import type { Socket } from 'node:net'
import { nodeCrypto } from '../../builtins.js'
import { monotonicNow } from '../../monotonic.js'
import type { Signal } from '../../runtime/cancel.js'
import { resetSocket } from '../../sockets/reset.js'
import { ConnectionMeter, type LoadSample, sampleOf } from './load-sample.js'

export interface LoadLimits {
  readonly milliseconds: number
  /** Payload over all connections. */
  readonly bytes: number
  readonly signal: Signal
}

const sampleMs = 100
const chunkSize = 131_072
let chunk: Buffer | undefined

/**
 * Sends as much as the connections take until the time is over or the bytes are sent, and samples their counters. The kernel goes
 * on with what it still holds then, until somebody resets the connections.
 *
 * @throws the error of a connection that ends before; `signal.reason`.
 */
export function sendLoad(
  sockets: readonly Socket[],
  { milliseconds, bytes, signal }: LoadLimits,
): Promise<LoadSample[]> {
  // Random, because some links compress.
  chunk ??= nodeCrypto().randomBytes(chunkSize)
  const data = chunk
  return new Promise((resolve, reject) => {
    let left = bytes
    const began = monotonicNow()
    const meters = sockets.map(socket => new ConnectionMeter(socket))
    const samples = [sampleOf(meters, 0)]
    const fill = (socket: Socket) => {
      while (left > 0 && !socket.writableNeedDrain && !socket.destroyed) {
        const size = Math.min(left, data.length)
        left -= size
        socket.write(size === data.length ? data : data.subarray(0, size))
      }
    }
    const end = () => {
      clearInterval(timer)
      signal.removeEventListener('abort', onAbort)
      for (const socket of sockets) {
        socket.off('drain', onDrain).off('close', onClose).off('error', fail)
        socket.on('error', () => {})
      }
    }
    const fail = (error: unknown) => {
      end()
      reject(error)
    }
    const onAbort = () => fail(signal.reason)
    const onClose = () => fail(closedEarly())
    const onDrain = () => sockets.forEach(fill)
    const timer = setInterval(() => {
      const atMs = monotonicNow() - began
      try {
        samples.push(sampleOf(meters, atMs))
      } catch (error) {
        return fail(error)
      }
      if (atMs < milliseconds && left > 0) return
      end()
      resolve(samples)
    }, sampleMs)
    signal.addEventListener('abort', onAbort)
    for (const socket of sockets) {
      socket.on('drain', onDrain).on('close', onClose).on('error', fail)
      fill(socket)
    }
  })
}

function closedEarly(): Error {
  return Object.assign(new Error('the other end closed a connection under load'), {
    code: 'ECONNRESET',
    syscall: 'write',
  })
}

/** A graceful end would first send what the kernel holds, seconds of it on a slow line. */
export function reset(sockets: readonly Socket[]): void {
  for (const socket of sockets) if (!socket.destroyed) resetSocket(socket)
}
