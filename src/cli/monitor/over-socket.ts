import type { Socket } from 'node:net'
import { Duplex, type DuplexOptions } from 'node:stream'

/** A stream that passes on what is written to it to a socket. Classes that extend it decide what can be read from it. */
export abstract class OverSocket extends Duplex {
  protected readonly carrier: Socket

  constructor(socket: Socket, options?: DuplexOptions) {
    super(options)
    this.carrier = socket
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.carrier.write(chunk, done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.carrier.cork()
    for (const { chunk } of chunks.slice(0, -1)) this.carrier.write(chunk)
    this.carrier.write(chunks.at(-1)!.chunk, done)
    this.carrier.uncork()
  }

  override _final(done: () => void): void {
    this.carrier.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.carrier.destroy()
    done(error)
  }
}
