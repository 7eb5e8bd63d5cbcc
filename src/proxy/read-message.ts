import type { Socket } from 'node:net'
import { type Parsed, SocksError } from './socks-messages.js'

/** Longer than any message of a handshake: 2 + 255, 3 + 2 * 255, 7 + 255 bytes. */
const longest = 600

/** A connection that is read in chunks. */
export interface ChunkSource {
  /** Immediately what there is, or later. @throws SocksError once the connection has ended. */
  next(): Buffer | Promise<Buffer>
  /** Gives back the rest of a chunk. */
  unshift(rest: Buffer): void
}

/** Reads one message of SOCKS, however many chunks it comes in. Later bytes stay where they are. */
export async function readMessage<T>(source: ChunkSource, parse: (bytes: Buffer) => Parsed<T>): Promise<T> {
  let bytes = await source.next()
  for (;;) {
    const parsed = parse(bytes)
    if (parsed) {
      if (parsed.length < bytes.length) source.unshift(bytes.subarray(parsed.length))
      return parsed.value
    }
    if (bytes.length > longest) throw new SocksError('message too long')
    bytes = Buffer.concat([bytes, await source.next()])
  }
}

export function ended(): SocksError {
  return new SocksError('the connection has ended')
}

/** Reads from a paused stream, so that the kernel slows the other end down while nobody reads. */
export function chunksOf(socket: Socket): ChunkSource {
  return { next: () => nextChunk(socket), unshift: rest => socket.unshift(rest) }
}

function nextChunk(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const chunk: Buffer | null = socket.read()
      if (chunk) settle(() => resolve(chunk))
    }
    const gone = () => settle(() => reject(ended()))
    const settle = (finish: () => void) => {
      socket.off('readable', look).off('end', gone).off('close', gone)
      finish()
    }
    socket.on('readable', look).on('end', gone).on('close', gone)
    look()
  })
}
