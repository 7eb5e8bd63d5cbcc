import type { Transform } from 'node:stream'
import { TextDecoder } from 'node:util'
import { nodeStream, nodeZlib } from '../../builtins.js'
import { NetviaError } from '../../errors.js'
import type { HttpAnswer } from '../../protocols/http/question.js'
import { Pieces } from './pieces.js'

export interface Body {
  /** Bytes received, as on the wire (compressed or not), up to the limit. */
  bytes: number
  /** The decoded text, up to the limit. Only if requested. */
  text?: string
  /** Whether the body exceeds the limit. */
  cut: boolean
  /** A content coding that netvia doesn't know: `text` is the body as received. */
  unknown?: string
}

/**
 * Reads a response's body up to `limit` bytes and stops there. `decode` undoes its content encoding (RFC 9110 section 8.4). The
 * same limit applies to the decoded text, because a small body can decompress to gigabytes.
 */
export async function readBody({ body, headers }: HttpAnswer, limit: number, decode: boolean): Promise<Body> {
  const received = new Meter(limit)
  const encoded = received.pass(body)
  if (!decode) {
    for await (const _chunk of encoded);
    return received
  }
  const decoded = new Meter(limit)
  const pieces = new Pieces()
  const { codings, unknown } = codingsOf(headers['content-encoding'])
  for await (const chunk of decoded.pass(await undo(codings, encoded))) pieces.add(chunk)
  const whole = pieces.whole()
  const text = textDecoder(whole, headers['content-type']).decode(whole)
  return { bytes: received.bytes, cut: received.cut || decoded.cut, text, unknown }
}

/** Counts the bytes that pass, and ends the stream at the limit. */
class Meter {
  bytes = 0
  cut = false
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  async *pass(source: HttpAnswer['body']): AsyncGenerator<Uint8Array> {
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

/** Maximum number of codings. Only an attacker sends more. */
const maxCodings = 5

/**
 * The codings to undo, the last one applied first (RFC 9110 section 8.4). If one is unknown, none is undone, as in fetch: some
 * servers send `utf-8` or `none` there.
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

/** Available since Node 22.15, which the types of Node 20 don't include. */
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
    // An empty body is empty in every coding, and decoders would miss their headers.
    if (first === undefined) return whole
    decoded = through(decoderOf(coding, first), whole)
  }
  return decoded
}

/** Returns the first byte, and a stream that still includes it. */
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

/** Errors of the pipeline also surface on its last stream, which the caller reads. */
function through(decoder: Transform, source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  nodeStream().pipeline(source, decoder, () => {})
  return decoder
}

/** A body cut at the limit ends in the middle. What came so far is decoded anyway. */
function decoderOf(coding: string, firstByte: number): Transform {
  const zlib = nodeZlib()
  const constants: Record<string, number> = zlib.constants
  const untilCut = { finishFlush: constants.Z_SYNC_FLUSH }
  switch (coding) {
    case 'deflate':
      // Some servers omit the header that RFC 9110 section 8.4.1.2 requires. With the header, the method is 8 (RFC 1950).
      return (firstByte & 0x0f) === 8 ? zlib.createInflate(untilCut) : zlib.createInflateRaw(untilCut)
    case 'br':
      return zlib.createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH })
    case 'zstd':
      return (zlib as unknown as WithZstd).createZstdDecompress({ finishFlush: constants.ZSTD_e_flush })
  }
  return zlib.createGunzip(untilCut)
}

/**
 * Chooses the decoder as browsers do (WHATWG Encoding, "decode"): by a byte order mark, else by the charset of Content-Type (RFC
 * 9110 section 8.3.2). It falls back to UTF-8 if there is none or an unknown one.
 */
function textDecoder(body: Uint8Array, contentType: string | undefined): TextDecoder {
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType ?? '')?.[1]
  try {
    return new TextDecoder(markedCharset(body) ?? charset)
  } catch {
    return new TextDecoder()
  }
}

function markedCharset([first, second, third]: Uint8Array): string | undefined {
  if (first === 0xef && second === 0xbb && third === 0xbf) return 'utf-8'
  if (first === 0xfe && second === 0xff) return 'utf-16be'
  return first === 0xff && second === 0xfe ? 'utf-16le' : undefined
}
