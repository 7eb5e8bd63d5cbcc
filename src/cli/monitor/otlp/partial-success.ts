import type { IncomingMessage } from 'node:http'

/** Bytes of an answer. */
const longest = 65_536

/** What a collector accepted a push without. */
export interface PartialSuccess {
  /** Data points or log records. */
  rejected: number
  why: string
}

/** Follows an answer that OpenTelemetry's exporter reads too: the exporter doesn't report what it says. Returns what it said so far. */
export function followAnswer(response: IncomingMessage): () => PartialSuccess {
  const chunks: Buffer[] = []
  let length = 0
  response.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length <= longest) chunks.push(chunk)
  })
  return () => partialSuccess(Buffer.concat(chunks))
}

/** Reads `partial_success` of an `Export…ServiceResponse` (opentelemetry-proto). Damaged bytes say nothing. Pure. */
export function partialSuccess(response: Uint8Array): PartialSuccess {
  const said: PartialSuccess = { rejected: 0, why: '' }
  for (const [number, part] of fields(response)) {
    if (number !== 1 || typeof part === 'number') continue
    for (const [number, value] of fields(part)) {
      if (number === 1 && typeof value === 'number') said.rejected = value
      if (number === 2 && typeof value !== 'number') said.why = Buffer.from(value).toString()
    }
  }
  return said
}

/** The numbers and the parts with a length of a Protocol Buffers message, up to the first of another kind. */
function* fields(bytes: Uint8Array): Generator<[number: number, value: number | Uint8Array]> {
  let at = 0
  const varint = () => {
    let value = 0
    for (let scale = 1; at < bytes.length && scale < 2 ** 53; scale *= 128) {
      const byte = bytes[at++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    return undefined
  }
  while (at < bytes.length) {
    const key = varint()
    const value = varint()
    if (key === undefined || value === undefined) return
    const [number, kind] = [Math.floor(key / 8), key % 8]
    if (kind === 0) yield [number, value]
    else if (kind !== 2 || value > bytes.length - at) return
    else {
      yield [number, bytes.subarray(at, at + value)]
      at += value
    }
  }
}
