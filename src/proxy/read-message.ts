import type { Socket } from 'node:net'
import { type Parsed, SocksError } from './socks-messages.js'

/** Longer than any message of a handshake: 2 + 255, 3 + 2 * 255, 7 + 255 bytes. */
const longest = 600

const none = Buffer.alloc(0)

/** A connection that is read in chunks. */
export interface ChunkSource {
  /** Immediately what there is, or later. @throws SocksError once the connection has ended. */
  next(): Buffer | Promise<Buffer>
  /** Gives back the rest of a chunk. */
  unshift(rest: Buffer): void
}

/** Reads one message of SOCKS, however many chunks it comes in: immediately if it is there. Later bytes stay where they are. */
export function readMessage<T>(source: ChunkSource, parse: (bytes: Buffer) => Parsed<T>): T | Promise<T> {
  const bytes = source.next()
  return bytes instanceof Promise ? readLater(source, parse, none, bytes) : parseFrom(source, parse, bytes)
}

function parseFrom<T>(source: ChunkSource, parse: (bytes: Buffer) => Parsed<T>, bytes: Buffer): T | Promise<T> {
  const parsed = parse(bytes)
  if (parsed) {
    if (parsed.length < bytes.length) source.unshift(bytes.subarray(parsed.length))
    return parsed.value
  }
  if (bytes.length > longest) throw new SocksError('message too long')
  return readLater(source, parse, bytes, source.next())
}

async function readLater<T>(
  source: ChunkSource,
  parse: (bytes: Buffer) => Parsed<T>,
  begun: Buffer,
  next: Buffer | Promise<Buffer>,
): Promise<T> {
  const chunk = await next
  return parseFrom(source, parse, begun.length === 0 ? chunk : Buffer.concat([begun, chunk]))
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
