import type { IncomingMessage } from 'node:http'
import type { Transform } from 'node:stream'
import { nodeStream, nodeZlib } from '../../builtins.js'
import { NetviaError } from '../../errors.js'

export interface Body {
  /** Bytes received, as they came (compressed or not), never more than the limit. */
  bytes: number
  /** Decoded, never more than the limit. Only where it was asked for. */
  text?: string
  /** There was more than the limit lets in. */
  cut: boolean
}

/**
 * Reads a response's body up to `limit` bytes and stops there. With `decode` its content encoding is undone (RFC 9110
 * section 8.4), and what comes out is bounded by the same limit: a small body may unfold to gigabytes.
 */
export async function readBody(response: IncomingMessage, limit: number, decode: boolean): Promise<Body> {
  const received = new Meter(limit)
  const encoded = received.pass(response)
  if (!decode) {
    for await (const _chunk of encoded);
    return received
  }
  const decoder = decoderOf(response.headers['content-encoding'])
  const decoded = new Meter(limit)
  const chunks: Uint8Array[] = []
  for await (const chunk of decoded.pass(decoder ? through(decoder, encoded) : encoded)) chunks.push(chunk)
  const text = textDecoder(response.headers['content-type']).decode(Buffer.concat(chunks))
  return { bytes: received.bytes, cut: received.cut || decoded.cut, text }
}

/** Counts what passes, and ends it at the limit. */
class Meter {
  bytes = 0
  cut = false
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  async *pass(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      const room = this.#limit - this.bytes
      this.cut = chunk.length > room
      const part = this.cut ? chunk.subarray(0, room) : chunk
      this.bytes += part.length
      yield part
      if (this.cut) return
    }
  }
}

/** What the pipeline fails with, its last stream fails with too, and that one is being read. */
function through(decoder: Transform, source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  nodeStream().pipeline(source, decoder, () => {})
  return decoder
}

/** Undefined: nothing to undo. A body cut at the limit ends in the middle: what came so far is decoded all the same. */
function decoderOf(contentEncoding: string | undefined): Transform | undefined {
  const coding = contentEncoding?.trim().toLowerCase() ?? 'identity'
  if (coding === 'identity') return undefined
  const { constants, createBrotliDecompress, createGunzip, createInflate } = nodeZlib()
  const zlib = { finishFlush: constants.Z_SYNC_FLUSH }
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip(zlib)
    case 'deflate':
      return createInflate(zlib)
    case 'br':
      return createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH })
  }
  throw new NetviaError(`the body has a content encoding nobody asked for: ${coding}`, { code: 'ERR_HTTP_BODY' })
}

/** By the charset of Content-Type (RFC 9110 section 8.3.2), UTF-8 where there is none or nobody knows it. */
function textDecoder(contentType: string | undefined): InstanceType<typeof TextDecoder> {
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType ?? '')?.[1]
  try {
    return new TextDecoder(charset)
  } catch {
    return new TextDecoder()
  }
}
