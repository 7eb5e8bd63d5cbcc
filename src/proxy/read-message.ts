import type { Socket } from 'node:net'
import { type Parsed, SocksError } from './socks-messages.js'

/** Longer than any message of a handshake: 2 + 255, 3 + 2 * 255, 7 + 255 bytes. */
const longest = 600

/** Reads one message of SOCKS, however many chunks it comes in. Later bytes stay in the stream. */
export async function readMessage<T>(socket: Socket, parse: (bytes: Buffer) => Parsed<T>): Promise<T> {
  let bytes: Buffer = Buffer.alloc(0)
  for (;;) {
    bytes = Buffer.concat([bytes, await nextChunk(socket)])
    const parsed = parse(bytes)
    if (parsed) {
      if (parsed.length < bytes.length) socket.unshift(bytes.subarray(parsed.length))
      return parsed.value
    }
    if (bytes.length > longest) throw new SocksError('message too long')
  }
}

/** Reads from a paused stream, so that the kernel slows the other end down while nobody reads. */
export function nextChunk(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const chunk: Buffer | null = socket.read()
      if (chunk) settle(() => resolve(chunk))
    }
    const gone = () => settle(() => reject(new SocksError('the connection has ended')))
    const settle = (finish: () => void) => {
      socket.off('readable', look).off('end', gone).off('close', gone)
      finish()
    }
    socket.on('readable', look).on('end', gone).on('close', gone)
    look()
  })
}
