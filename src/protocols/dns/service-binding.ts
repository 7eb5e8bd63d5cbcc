import { formatIPv6 } from '../../sockets/ip.js'

/** How to reach a service, from an `SVCB` or `HTTPS` record (RFC 9460). */
export interface SvcbData {
  /** 0: an alias for `target`. Otherwise the lowest is tried first. */
  priority: number
  /** Name of the host. `.` is the name of the record itself; with `priority` 0 it means that there is no such service. */
  target: string
  /** Parameters that a client must understand to use this record, by name or `key…`. */
  mandatory?: string[]
  /** Protocols by their ALPN names: `h2`, `h3`, … */
  alpn?: string[]
  /** Present and true if the service doesn't speak the protocol that is usual without `alpn`, such as HTTP/1.1. */
  noDefaultAlpn?: boolean
  /** TCP or UDP port. */
  port?: number
  /** Addresses to use until those of `target` are there. */
  ipv4hint?: string[]
  /** Configuration of Encrypted ClientHello, as in TLS (RFC 9848). */
  ech?: Buffer
  /** Addresses to use until those of `target` are there. */
  ipv6hint?: string[]
  /** URI template of DNS over HTTPS (RFC 9461). */
  dohpath?: string
  /** Every other parameter, by its number. */
  others?: Record<number, Buffer>
}

/** The part of IANA's registry of service parameters that is decoded here. */
const keys = ['mandatory', 'alpn', 'no-default-alpn', 'port', 'ipv4hint', 'ech', 'ipv6hint', 'dohpath']

/** Decodes the data of a record. Undefined if it is malformed: such a record must not be used (RFC 9460 section 2.2). */
export function decodeServiceBinding(bytes: Buffer): SvcbData | undefined {
  try {
    return decode(bytes)
  } catch (error) {
    // Buffer throws when reading past the end.
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function decode(bytes: Buffer): SvcbData {
  const priority = bytes.readUInt16BE(0)
  const [target, end] = readName(bytes, 2)
  const data: SvcbData = { priority, target }
  let previous = -1
  for (let at = end; at < bytes.length; ) {
    const key = bytes.readUInt16BE(at)
    const value = slice(bytes, at + 4, bytes.readUInt16BE(at + 2))
    if (key <= previous) throw new RangeError('keys are in ascending order')
    // An alias has no parameters. They are ignored (section 2.4.2).
    if (priority !== 0) add(data, key, value)
    previous = key
    at += 4 + value.length
  }
  return data
}

function add(data: SvcbData, key: number, value: Buffer): void {
  switch (keys[key]) {
    case 'mandatory':
      data.mandatory = pieces(value, 2).map(piece => keyName(piece.readUInt16BE()))
      break
    case 'alpn':
      data.alpn = strings(value)
      break
    case 'no-default-alpn':
      if (value.length > 0) throw new RangeError('it has no value')
      data.noDefaultAlpn = true
      break
    case 'port':
      if (value.length !== 2) throw new RangeError('it is two bytes')
      data.port = value.readUInt16BE()
      break
    case 'ipv4hint':
      data.ipv4hint = pieces(value, 4).map(piece => piece.join('.'))
      break
    case 'ech':
      data.ech = value
      break
    case 'ipv6hint':
      data.ipv6hint = pieces(value, 16).map(formatIPv6)
      break
    case 'dohpath':
      data.dohpath = value.toString()
      break
    default:
      data.others ??= {}
      data.others[key] = value
  }
}

function keyName(key: number): string {
  return keys[key] ?? `key${key}`
}

/** Reads the name at `at`, which is never compressed (section 2.2), and returns where it ends. */
function readName(bytes: Buffer, at: number): [name: string, end: number] {
  const labels: string[] = []
  for (;;) {
    const length = bytes.readUInt8(at)
    if (length > 63) throw new RangeError('a label is that short')
    at++
    if (length === 0) return [labels.join('.') || '.', at]
    labels.push(slice(bytes, at, length).toString())
    at += length
  }
}

function slice(bytes: Buffer, at: number, length: number): Buffer {
  if (at + length > bytes.length) throw new RangeError('it is cut off')
  return bytes.subarray(at, at + length)
}

function pieces(value: Buffer, size: number): Buffer[] {
  if (value.length === 0 || value.length % size !== 0) throw new RangeError('its length is wrong')
  return Array.from({ length: value.length / size }, (_, i) => slice(value, i * size, size))
}

/** Reads strings with their length before each. None may be empty. */
function strings(value: Buffer): string[] {
  const found: string[] = []
  for (let at = 0; at < value.length; ) {
    const text = slice(value, at + 1, value.readUInt8(at))
    if (text.length === 0) throw new RangeError('it is empty')
    found.push(text.toString())
    at += 1 + text.length
  }
  if (found.length === 0) throw new RangeError('it is empty')
  return found
}
