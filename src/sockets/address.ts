import { endianness } from 'node:os'
import { addon } from '../binding/addon.js'
import { isIPv4 } from '../builtins.js'
import { NetviaError, systemError } from '../errors.js'
import { formatIPv6, parseIP, putIPv4, unmapped } from './ip.js'

/** An address as the protocols see it. The text includes the IPv6 scope: `fe80::1%eth0`. */
export interface SocketAddress {
  address: string
  family: 4 | 6
  port: number
}

export const AF_INET = 2
export const AF_INET6 = 10

const ipv4Length = 16
const ipv4Range: readonly [start: number, end: number] = [4, 8]
const ipv6Range: readonly [start: number, end: number] = [8, 24]

/** Where the IP address stands in a socket address. */
export function ipRange({ length }: Uint8Array): readonly [start: number, end: number] {
  return length === ipv4Length ? ipv4Range : ipv6Range
}

const littleEndian = endianness() === 'LE'

/** The family on the wire: 4 for an IPv4-mapped address. */
export function familyOf(address: string): 4 | 6 {
  return isIPv4(unmapped(address)) ? 4 : 6
}

export function addressFamily(family: 4 | 6): number {
  return family === 4 ? AF_INET : AF_INET6
}

/** `struct sockaddr_in` or `sockaddr_in6` (ip(7), ipv6(7)). IPv4-mapped addresses become IPv4. */
export function encodeAddress(text: string, port = 0): Uint8Array {
  const address = unmapped(text)
  const v4 = isIPv4(address)
  // Written byte by byte, because each DataView would take memory outside the heap.
  const bytes = new Uint8Array(v4 ? 16 : 28)
  bytes[littleEndian ? 0 : 1] = v4 ? AF_INET : AF_INET6
  bytes[2] = port >> 8
  bytes[3] = port
  if (v4) return putIPv4(address, bytes, 4)
  bytes.set(parseIP(address), 8)
  const zone = address.split('%')[1]
  if (zone !== undefined) new DataView(bytes.buffer).setUint32(24, scopeId(zone, address), littleEndian)
  return bytes
}

function scopeId(zone: string, address: string): number {
  const index = /^\d+$/.test(zone) ? Number(zone) : addon().deviceIndex(zone)
  if (index < 0) {
    const hint = 'devices() and `netvia devices` list the devices there are'
    throw new NetviaError(`${address}: no device named ${zone}; ${hint}`, {
      code: 'ERR_INVALID_ARG_VALUE',
      address,
      hint,
    })
  }
  return index
}

/** The device index in a `struct sockaddr_in6`; 0 for none. */
export function scopeOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(24, littleEndian)
}

/** The same address with this device index. */
export function withScope(bytes: Uint8Array, index: number): Uint8Array {
  const scoped = bytes.slice()
  new DataView(scoped.buffer).setUint32(24, index, littleEndian)
  return scoped
}

export function decodeAddress(bytes: Uint8Array, length = bytes.length): SocketAddress | undefined {
  if (length < 16) return undefined
  // Byte by byte, like in `encodeAddress`.
  const family = bytes[littleEndian ? 0 : 1]! | (bytes[littleEndian ? 1 : 0]! << 8)
  const port = (bytes[2]! << 8) | bytes[3]!
  if (family === AF_INET) return { address: `${bytes[4]}.${bytes[5]}.${bytes[6]}.${bytes[7]}`, family: 4, port }
  if (family !== AF_INET6 || length < 28) return undefined
  const scope = scopeOf(bytes)
  const text = formatIPv6(bytes.subarray(8, 24))
  return { address: scope ? `${text}%${zoneName(scope)}` : text, family: 6, port }
}

/** The index itself if its device is gone. */
function zoneName(index: number): string | number {
  const name = addon().deviceName(index)
  return typeof name === 'string' ? name : index
}

const name = new Uint8Array(28)

/** The local address and port of a descriptor. */
export function localNameOf(fd: number): SocketAddress | undefined {
  return decodeAddress(name, addon().getsockname(fd, name))
}

/** The same where nothing works without it. */
export function boundNameOf(fd: number): SocketAddress {
  const length = addon().getsockname(fd, name)
  if (length < 0) throw systemError(length, 'getsockname')
  return decodeAddress(name, length)!
}

/** The local address of a descriptor. */
export function localAddressOf(fd: number): string | undefined {
  return localNameOf(fd)?.address
}

/** The address that a descriptor is connected to; undefined once the connection is reset. */
export function remoteAddressOf(fd: number): string | undefined {
  return decodeAddress(name, addon().getpeername(fd, name))?.address
}

let network = -1
let networkText = ''

/**
 * The address as text; empty if the bytes are not a socket address. Successive addresses are often neighbours, so the text of
 * the last network is cached.
 */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length !== 16) return decodeAddress(bytes)?.address ?? ''
  const upper = (bytes[4]! << 16) | (bytes[5]! << 8) | bytes[6]!
  if (upper !== network) {
    network = upper
    networkText = `${bytes[4]}.${bytes[5]}.${bytes[6]}.`
  }
  return networkText + bytes[7]
}
