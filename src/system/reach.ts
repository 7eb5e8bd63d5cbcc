import { mappedIPv4, parseIP } from '../sockets/ip.js'
import { readAddresses } from './netlink/tables.js'

/** What an address reaches: this machine itself, what shares a link with it, or anything else. */
export type Reach = 'machine' | 'link' | 'elsewhere'

/** Of a literal address. `machine` also means any address that a device of this machine has at this moment. */
export function reachOf(address: string): Reach {
  const bytes = parseIP(address)
  const text = mappedIPv4(bytes) ?? address
  if (isLoopback(text, bytes) || isOwn(text)) return 'machine'
  if (!text.includes(':')) return text.startsWith('169.254.') ? 'link' : 'elsewhere'
  // fe80::/10.
  return bytes[0] === 0xfe && bytes[1]! >> 6 === 2 ? 'link' : 'elsewhere'
}

/** Loopback, and the unspecified address, by which Linux reaches this machine (ip(7), ipv6(7)). */
function isLoopback(text: string, bytes: Uint8Array): boolean {
  if (!text.includes(':')) return /^(0|127)\./.test(text)
  return bytes.subarray(0, 15).every(byte => byte === 0) && bytes[15]! <= 1
}

function isOwn(text: string): boolean {
  const wanted = Buffer.from(parseIP(text))
  try {
    return readAddresses().some(({ address }) => wanted.equals(parseIP(address.address)))
  } catch {
    // Where netlink is refused, what the connected socket says has to do: `reachesItself`.
    return false
  }
}

/** Of a connected socket: to itself, this machine connects from the address that it connects to. */
export function reachesItself({
  localAddress,
  remoteAddress,
}: {
  localAddress?: string
  remoteAddress?: string
}): boolean {
  return localAddress === remoteAddress
}
