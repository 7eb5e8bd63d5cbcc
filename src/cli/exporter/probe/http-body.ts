import { pipeline } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflateRaw } from 'node:zlib'
import { Pieces } from '../../../checks/http/pieces.js'
import type { HttpModule } from '../config/http.js'
import type { HttpAnswer } from './http-request.js'

export interface ReadBody {
  /** Size after decompression. */
  bytes: number
  text: string
  /** Why the body was not read to its end. */
  error?: Error
}

/** Bytes kept of a body that is matched, so that a server can't fill the memory. */
const longestKept = 64 * 1024 * 1024

/** Reads a body to its end or to the limit, and keeps it if its text is needed. */
export async function readBody(source: HttpAnswer['body'], module: HttpModule, keep: boolean): Promise<ReadBody> {
  const limit = module.body_size_limit || Number.POSITIVE_INFINITY
  const pieces = new Pieces()
  const result: ReadBody = { bytes: 0, text: '' }
  try {
    for await (const chunk of decompressed(source, module.compression) as AsyncIterable<Buffer>) {
      const part = chunk.subarray(0, limit - result.bytes)
      result.bytes += part.length
      if (keep) pieces.add(part)
      if (part.length < chunk.length) throw new Error(`the body is longer than ${limit} bytes`)
      if (keep && result.bytes > longestKept) throw new Error(`the body to match is longer than ${longestKept} bytes`)
    }
  } catch (error) {
    result.error = error as Error
  }
  result.text = pieces.whole().toString()
  return result
}

function decompressed(source: HttpAnswer['body'], compression: string | undefined): HttpAnswer['body'] {
  if (!compression || compression === 'identity') return source
  const make = { gzip: createGunzip, br: createBrotliDecompress, deflate: createInflateRaw }[compression]!
  const decoder = make()
  // Errors of the source also fail the decoder.
  pipeline(source, decoder, () => {})
  return decoder
}
