import type { BlockList } from 'node:net'
import { isIP, nodeNet } from '../builtins.js'
import { invalidArgument } from '../errors.js'
import { arrayOf, type Check } from '../options.js'
import { unmapped } from '../sockets/ip.js'

/** Addresses and blocks of addresses, in which an IPv4-mapped address is the IPv4 address. */
export class Blocks {
  readonly #texts: readonly string[]
  #lists: Record<4 | 6, BlockList> | undefined

  constructor(texts: readonly string[]) {
    this.#texts = texts
  }

  /** False of what is no address. */
  has(address: string): boolean {
    const plain = unmapped(address).replace(/%.*/, '')
    const family = isIP(plain) as 0 | 4 | 6
    if (family === 0) return false
    this.#lists ??= listsOf(this.#texts)
    return this.#lists[family].check(plain, name(family))
  }
}

export const loopback = new Blocks(['127.0.0.0/8', '::1'])

/** In one list, an IPv6 block of mapped addresses, such as `::/0`, would have all IPv4 addresses. */
function listsOf(texts: readonly string[]): Record<4 | 6, BlockList> {
  const { BlockList } = nodeNet()
  const lists = { 4: new BlockList(), 6: new BlockList() }
  for (const text of texts) {
    const { address, family, length } = parseBlock(text)!
    lists[family].addSubnet(address, length, name(family))
  }
  return lists
}

function name(family: 4 | 6): 'ipv4' | 'ipv6' {
  return family === 4 ? 'ipv4' : 'ipv6'
}

function parseBlock(text: string): { address: string; family: 4 | 6; length: number } | undefined {
  const [, address = '', prefix] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  const plain = unmapped(address)
  if (family === 0) return undefined
  const bits = family === 4 ? 32 : 128
  const length = prefix === undefined ? bits : Number(prefix)
  if (length > bits) return undefined
  if (plain === address) return { address, family, length }
  // The first 96 bits of a mapped address are the same for all.
  return length < 96 ? undefined : { address: plain, family: 4, length: length - 96 }
}

export const block: Check = (value, name) => {
  if (typeof value === 'string' && parseBlock(value)) return value
  throw invalidArgument(name, value, 'an address or a block, such as 192.168.1.0/24')
}

const list = arrayOf(block)

export const blocks: Check = (value, name) => new Blocks(list(value, name) as string[])
