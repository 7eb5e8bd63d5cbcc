import { isIP, isIPv4, isIPv6 } from '../../builtins.js'
import { invalidArgument } from '../../errors.js'
import { encodeAddress, familyOf } from '../../sockets/address.js'
import { isNumericHost, parseIP, unmapped } from '../../sockets/ip.js'

/** Consecutive addresses, computed on demand. A /8 takes no more memory than one address. */
export interface AddressBlock {
  readonly family: 4 | 6
  readonly size: number
  /** `struct sockaddr_*` of the n-th address, valid until the next call. */
  at(index: number): Uint8Array
}

/**
 * Parses a target: an address, a CIDR block or a range (`10.0.0.1-10.0.3.254`). Returns `undefined` for anything else, which is
 * a name. IPv4 blocks up to /30 exclude the network and broadcast address; /31 (RFC 3021), /32 and IPv6 blocks exclude nothing.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE` if the target looks like several addresses but is not a block or range.
 */
export function parseBlock(target: string, caller: string): AddressBlock | undefined {
  const wrong = (): never => {
    const expected = 'a name, an address, a block (192.0.2.0/24) or a range (192.0.2.1-192.0.2.9)'
    throw invalidArgument(`${caller}: target`, target, expected)
  }
  if (isIP(target)) return single(target)
  const [address = '', length, ...rest] = target.split('/')
  if (length !== undefined) return (rest.length === 0 ? cidr(address, length) : undefined) ?? wrong()
  const [first = '', last, ...more] = target.split('-')
  if (last !== undefined && more.length === 0 && isIP(first) && isIP(last))
    return range(unmapped(first), unmapped(last)) ?? wrong()
  // Refuses several addresses in the notation of other tools. Any other mistake is a target that isn't found, which doesn't end
  // the sweep.
  return isNumericHost(target) && /[*,-]/.test(target) ? wrong() : undefined
}

function single(address: string): AddressBlock {
  const bytes = encodeAddress(address)
  return { family: familyOf(address), size: 1, at: () => bytes }
}

function cidr(address: string, prefix: string): AddressBlock | undefined {
  const bits = isIPv4(address) ? 32 : 128
  const length = Number(prefix)
  const plain = unmapped(address)
  // The first 96 bits of a mapped address are always the same.
  if (plain !== address && length >= 96 && length <= 128) return cidr(plain, String(length - 96))
  if (!isIP(address) || address.includes('%') || !/^\d{1,3}$/.test(prefix) || length > bits) return undefined
  const size = 2n ** BigInt(bits - length)
  const network = (numberOf(address) / size) * size
  const inner = bits === 32 && length <= 30
  return inner ? consecutive(4, network + 1n, size - 2n) : consecutive(bits === 32 ? 4 : 6, network, size)
}

function range(first: string, last: string): AddressBlock | undefined {
  const from = numberOf(first)
  const to = numberOf(last)
  const zone = zoneOf(first)
  if (isIPv6(first) !== isIPv6(last) || zone !== zoneOf(last) || to < from) return undefined
  return consecutive(isIPv4(first) ? 4 : 6, from, to - from + 1n, zone)
}

/** With its `%`; empty without one. */
function zoneOf(address: string): string {
  return address.replace(/^[^%]*/, '')
}

function numberOf(address: string): bigint {
  return parseIP(address).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

function consecutive(family: 4 | 6, first: bigint, count: bigint, zone = ''): AddressBlock {
  return { family, size: Number(count), at: family === 4 ? consecutive4(Number(first)) : consecutive6(first, zone) }
}

function consecutive4(first: number): (index: number) => Uint8Array {
  const bytes = encodeAddress('0.0.0.0')
  return index => {
    const value = first + index
    bytes[4] = value >>> 24
    bytes[5] = value >>> 16
    bytes[6] = value >>> 8
    bytes[7] = value
    return bytes
  }
}

function consecutive6(first: bigint, zone: string): (index: number) => Uint8Array {
  const bytes = encodeAddress(`::${zone}`)
  return index => {
    let value = first + BigInt(index)
    for (let at = 23; at >= 8; at--, value >>= 8n) bytes[at] = Number(value & 0xffn)
    return bytes
  }
}
