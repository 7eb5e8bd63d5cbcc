import { isIP } from '../builtins.js'
import { formatIPv6, parseIP } from '../sockets/ip.js'

/** A message, and how many of the bytes it took. Undefined: more bytes are needed. */
export type Parsed<T> = { readonly value: T; readonly length: number } | undefined

export interface SocksRequest {
  readonly command: number
  readonly host: string
  readonly port: number
}

/** Codes of RFC 1928 sections 3, 4 and 6. */
export const version = 5
export const method = { none: 0, password: 2, unacceptable: 0xff } as const
export const command = { connect: 1, udpAssociate: 3 } as const
export const reply = {
  succeeded: 0,
  failure: 1,
  notAllowed: 2,
  networkUnreachable: 3,
  hostUnreachable: 4,
  refused: 5,
  commandNotSupported: 7,
  addressNotSupported: 8,
} as const
const type = { ipv4: 1, name: 3, ipv6: 4 } as const

/** A violation of the protocol, with the reply's code if a reply can report it. */
export class SocksError extends Error {
  constructor(
    message: string,
    readonly reply?: number,
  ) {
    super(message)
  }
}

/** The methods a client knows. */
export function parseGreeting(bytes: Buffer): Parsed<Buffer> {
  if (bytes.length > 0 && bytes[0] !== version) throw new SocksError('not SOCKS5')
  if (bytes.length < 2) return undefined
  const length = 2 + bytes[1]!
  return bytes.length < length ? undefined : { value: bytes.subarray(2, length), length }
}

/** RFC 1929. */
export function parsePassword(bytes: Buffer): Parsed<{ name: string; password: string }> {
  if (bytes.length > 0 && bytes[0] !== 1) throw new SocksError('not the version of RFC 1929')
  const nameEnd = 2 + (bytes[1] ?? 0)
  const end = nameEnd + 1 + (bytes[nameEnd] ?? 0)
  if (bytes.length < nameEnd + 1 || bytes.length < end) return undefined
  const value = { name: bytes.toString('utf8', 2, nameEnd), password: bytes.toString('utf8', nameEnd + 1, end) }
  return { value, length: end }
}

export function parseRequest(bytes: Buffer): Parsed<SocksRequest> {
  if (bytes.length > 0 && bytes[0] !== version) throw new SocksError('not SOCKS5')
  if (bytes.length < 5) return undefined
  const address = parseAddress(bytes, 3)
  return address && { value: { command: bytes[1]!, ...address.value }, length: address.length }
}

/** Decodes a datagram of section 7. Undefined if it is malformed, or a fragment, which a relay may drop. */
export function parseDatagram(bytes: Buffer): { host: string; port: number; data: Buffer } | undefined {
  if (bytes.length < 5 || bytes.readUInt16BE(0) !== 0 || bytes[2] !== 0) return undefined
  try {
    const address = parseAddress(bytes, 3)
    return address && { ...address.value, data: bytes.subarray(address.length) }
  } catch {
    return undefined
  }
}

/** ATYP, address and port. `length` counts from the start of `bytes`. */
function parseAddress(bytes: Buffer, at: number): Parsed<{ host: string; port: number }> {
  const found = findAddress(bytes, at)
  if (!found) return undefined
  const { value: content, length } = found
  const host =
    bytes[at] === type.ipv4 ? content.join('.') : bytes[at] === type.ipv6 ? formatIPv6(content) : nameIn(content)
  return { value: { host, port: bytes.readUInt16BE(length - 2) }, length }
}

/** The bytes of an address. */
function findAddress(bytes: Buffer, at: number): Parsed<Buffer> {
  const size = sizeOf(bytes, at)
  if (size === undefined) throw new SocksError('unknown type of address', reply.addressNotSupported)
  const start = at + (bytes[at] === type.name ? 2 : 1)
  const end = start + size
  return bytes.length < end + 2 ? undefined : { value: bytes.subarray(start, end), length: end + 2 }
}

function sizeOf(bytes: Buffer, at: number): number | undefined {
  if (bytes[at] === type.ipv4) return 4
  if (bytes[at] === type.ipv6) return 16
  return bytes[at] === type.name ? bytes[at + 1]! : undefined
}

function nameIn(content: Buffer): string {
  const name = content.toString('utf8')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is refused
  if (name === '' || /[\x00-\x20\x7f\ufffd/@]/.test(name)) throw new SocksError('no name', reply.failure)
  return name
}

const choices = new Map(Object.values(method).map(chosen => [chosen as number, Buffer.of(version, chosen)]))

export function chooseMethod(chosen: number): Buffer {
  return choices.get(chosen)!
}

export function passwordVerdict(accepted: boolean): Buffer {
  return Buffer.of(1, accepted ? 0 : 1)
}

/** The address is what the proxy bound; of a failure it has none. */
export function encodeReply(code: number, address = '0.0.0.0', port = 0): Buffer {
  return encodeAddress([version, code, 0], address, port)
}

export function encodeDatagram(address: string, port: number, data: Buffer): Buffer {
  return Buffer.concat([encodeAddress([0, 0, 0], address, port), data])
}

/** Writes three bytes, then an address (RFC 1928 section 5). */
function encodeAddress(head: readonly number[], address: string, port: number): Buffer {
  const bytes = parseIP(address)
  const message = Buffer.allocUnsafe(6 + bytes.length)
  message.set(head)
  message[3] = bytes.length === 4 ? type.ipv4 : type.ipv6
  message.set(bytes, 4)
  message.writeUInt16BE(port, 4 + bytes.length)
  return message
}

/** What a client says first: the one method that it can use. */
export function encodeGreeting(known: number): Buffer {
  return Buffer.of(version, 1, known)
}

/** RFC 1929, of at most 255 bytes each. */
export function encodePassword(name: string, password: string): Buffer {
  const [user, secret] = [Buffer.from(name), Buffer.from(password)]
  return Buffer.concat([Buffer.of(1, user.length), user, Buffer.of(secret.length), secret])
}

/** @throws SocksError for a name of over 255 bytes. */
export function encodeConnect(host: string, port: number): Buffer {
  if (isIP(host)) return encodeAddress([version, command.connect, 0], host, port)
  const name = Buffer.from(host)
  if (name.length > 255) throw new SocksError('name too long', reply.failure)
  return Buffer.of(version, command.connect, 0, type.name, name.length, ...name, port >> 8, port & 255)
}

/** The method that a server chose. */
export function parseMethod(bytes: Buffer): Parsed<number> {
  if (bytes.length > 0 && bytes[0] !== version) throw new SocksError('not SOCKS5')
  return bytes.length < 2 ? undefined : { value: bytes[1]!, length: 2 }
}

/** Whether a server accepts the password. */
export function parseVerdict(bytes: Buffer): Parsed<boolean> {
  return bytes.length < 2 ? undefined : { value: bytes[1] === 0, length: 2 }
}

/** The code of a server's reply. A refusal may come without an address, and nobody uses that of a success. */
export function parseReply(bytes: Buffer): Parsed<number> {
  if (bytes.length > 0 && bytes[0] !== version) throw new SocksError('not SOCKS5')
  if (bytes.length < 2) return undefined
  const code = bytes[1]!
  if (code !== reply.succeeded) return { value: code, length: bytes.length }
  const address = bytes.length < 5 ? undefined : findAddress(bytes, 3)
  return address && { value: code, length: address.length }
}
