import { isIP } from '../builtins.js'
import { invalidArgument } from '../errors.js'
import { arrayOf, type Check } from '../options.js'
import { parseIP, unmapped } from '../sockets/ip.js'

/** The bytes of an address, and how many bits of it every address of the block begins with. */
interface Block {
  readonly bytes: Uint8Array
  readonly bits: number
}

/** Addresses and blocks of addresses, in which an IPv4-mapped address is the IPv4 address. */
export class Blocks {
  readonly #texts: readonly string[]
  #blocks: readonly Block[] | undefined
  /** The last question, because a client tends to come again. */
  #asked: string | undefined
  #hasAsked = false

  constructor(texts: readonly string[]) {
    this.#texts = texts
  }

  /** False of what is no address. */
  has(address: string): boolean {
    if (address !== this.#asked) {
      this.#hasAsked = this.#find(address)
      this.#asked = address
    }
    return this.#hasAsked
  }

  #find(address: string): boolean {
    const plain = unmapped(address).replace(/%.*/, '')
    if (isIP(plain) === 0) return false
    this.#blocks ??= this.#texts.map(text => parseBlock(text)!)
    const bytes = parseIP(plain)
    return this.#blocks.some(block => block.bytes.length === bytes.length && startsAlike(bytes, block))
  }
}

export const loopback = new Blocks(['127.0.0.0/8', '::1'])

function startsAlike(address: Uint8Array, { bytes, bits }: Block): boolean {
  const whole = bits >> 3
  for (let i = 0; i < whole; i++) if (address[i] !== bytes[i]) return false
  return (bits & 7) === 0 || (address[whole]! ^ bytes[whole]!) >> (8 - (bits & 7)) === 0
}

function parseBlock(text: string): Block | undefined {
  const [, address = '', prefix] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  const plain = unmapped(address)
  if (family === 0) return undefined
  const most = family === 4 ? 32 : 128
  const bits = prefix === undefined ? most : Number(prefix)
  if (bits > most) return undefined
  if (plain === address) return { bytes: parseIP(address), bits }
  // The first 96 bits of a mapped address are the same for all.
  return bits < 96 ? undefined : { bytes: parseIP(plain), bits: bits - 96 }
}

export const block: Check = (value, name) => {
  if (typeof value === 'string' && parseBlock(value)) return value
  throw invalidArgument(name, value, 'an address or a block, such as 192.168.1.0/24')
}

const list = arrayOf(block)

export const blocks: Check = (value, name) => new Blocks(list(value, name) as string[])
