import { headerSize } from './plain-answer.js'

/** A part of a record's data: so many bytes, a name, a string (RFC 1035 sections 3.1 and 3.3), or all that is left. */
type Part = number | 'name' | 'string' | 'rest'

/** By the numbers of the types. All other types: `rest`. */
const shapes: Readonly<Record<number, readonly Part[]>> = {
  /* A */ 1: [4],
  /* NS */ 2: ['name'],
  /* CNAME */ 5: ['name'],
  /* SOA */ 6: ['name', 'name', 20],
  /* PTR */ 12: ['name'],
  /* MX */ 15: [2, 'name'],
  /* AAAA */ 28: [16],
  /* SRV */ 33: [6, 'name'],
  /* NAPTR */ 35: [4, 'string', 'string', 'string', 'name'],
  /* DS */ 43: [4, 'rest'],
  /* SSHFP */ 44: [2, 'rest'],
  /* DNSKEY */ 48: [4, 'rest'],
  /* TLSA */ 52: [3, 'rest'],
  /* CAA */ 257: [1, 'string', 'rest'],
}

/**
 * Where the records of a message with one question end. The codec reads what a type needs, whatever length the record has.
 *
 * @throws RangeError if the data of a record don't have the shape of its type, or the message ends before.
 */
export function recordsEnd(message: Buffer): number {
  const count = [6, 8, 10].reduce((sum, at) => sum + message.readUInt16BE(at), 0)
  let at = nameEnd(message, headerSize) + 4
  for (let i = 0; i < count; i++) {
    const header = nameEnd(message, at)
    const data = header + 10
    at = data + message.readUInt16BE(data - 2)
    const found = dataEnd(message, data, at, shapes[message.readUInt16BE(header)] ?? ['rest'])
    if (found !== at || at > message.length) throw new RangeError('the length of a record does not fit its type')
  }
  return at
}

function dataEnd(message: Buffer, start: number, end: number, shape: readonly Part[]): number {
  return shape.reduce((at: number, part) => {
    if (part === 'name') return nameEnd(message, at)
    if (part === 'string') return at + 1 + message.readUInt8(at)
    return part === 'rest' ? Math.max(at, end) : at + part
  }, start)
}

/** A name ends with the root, or with a pointer (RFC 1035 section 4.1.4). */
function nameEnd(message: Buffer, start: number): number {
  let at = start
  for (;;) {
    const length = message.readUInt8(at)
    if (length >= 0xc0) return at + 2
    at += 1 + length
    if (length === 0) return at
  }
}
