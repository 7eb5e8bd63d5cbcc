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
  /** A content coding that nobody here knows: `text` is the body as it came. */
  unknown?: string
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
  const decoded = new Meter(limit)
  const chunks: Uint8Array[] = []
  const { codings, unknown } = codingsOf(response.headers['content-encoding'])
  for await (const chunk of decoded.pass(await undo(codings, encoded))) chunks.push(chunk)
  const text = textDecoder(response.headers['content-type']).decode(Buffer.concat(chunks))
  return { bytes: received.bytes, cut: received.cut || decoded.cut, text, unknown }
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

/** More than this at once is no server's but an attacker's. */
const maxCodings = 5

/**
 * What to undo, the last one applied first (RFC 9110 section 8.4). Where one of them is unknown nothing is undone, as fetch has
 * it: servers write `utf-8` or `none` there, too.
 */
function codingsOf(contentEncoding = ''): { codings: string[]; unknown?: string } {
  const codings = contentEncoding
    .split(',')
    .map(coding => coding.trim().toLowerCase())
    .filter(coding => coding !== '' && coding !== 'identity')
  if (codings.length > maxCodings) {
    throw new NetviaError(`the body has more than ${maxCodings} content codings`, { code: 'ERR_HTTP_BODY' })
  }
  const unknown = codings.find(coding => !isKnown(coding))
  return unknown === undefined ? { codings: codings.reverse() } : { codings: [], unknown }
}

function isKnown(coding: string): boolean {
  return coding === 'zstd' ? hasZstd() : /^(x-gzip|gzip|deflate|br)$/.test(coding)
}

/** Of Node 22.15 and newer, which the types of Node 20 don't know. */
interface WithZstd {
  createZstdDecompress(options: { finishFlush: number | undefined }): Transform
}

function hasZstd(): boolean {
  return 'createZstdDecompress' in nodeZlib()
}

async function undo(codings: readonly string[], source: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  let decoded = source
  for (const coding of codings) {
    const { first, whole } = await peek(decoded)
    // Nothing is nothing in every coding, and the decoders would miss their headers.
    if (first === undefined) return whole
    decoded = through(decoderOf(coding, first), whole)
  }
  return decoded
}

/** The first byte, and everything with it. */
async function peek(source: AsyncIterable<Uint8Array>): Promise<{ first?: number; whole: AsyncIterable<Uint8Array> }> {
  const chunks = source[Symbol.asyncIterator]()
  let start = await chunks.next()
  while (!start.done && start.value.length === 0) start = await chunks.next()
  async function* whole() {
    try {
      for (let chunk = start; !chunk.done; chunk = await chunks.next()) yield chunk.value
    } finally {
      await chunks.return?.()
    }
  }
  return { first: start.done ? undefined : start.value[0], whole: whole() }
}

/** What the pipeline fails with, its last stream fails with too, and that one is being read. */
function through(decoder: Transform, source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  nodeStream().pipeline(source, decoder, () => {})
  return decoder
}

/** A body cut at the limit ends in the middle: what came so far is decoded all the same. */
function decoderOf(coding: string, firstByte: number): Transform {
  const zlib = nodeZlib()
  const constants: Record<string, number> = zlib.constants
  const untilCut = { finishFlush: constants.Z_SYNC_FLUSH }
  switch (coding) {
    case 'deflate':
      // Some servers leave out the header that RFC 9110 section 8.4.1.2 asks for; with it the method is 8 (RFC 1950).
      return (firstByte & 0x0f) === 8 ? zlib.createInflate(untilCut) : zlib.createInflateRaw(untilCut)
    case 'br':
      return zlib.createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH })
    case 'zstd':
      return (zlib as unknown as WithZstd).createZstdDecompress({ finishFlush: constants.ZSTD_e_flush })
  }
  return zlib.createGunzip(untilCut)
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
