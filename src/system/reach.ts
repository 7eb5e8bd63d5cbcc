import { mappedIPv4, parseIP } from '../sockets/ip.js'
import { readAddresses } from './netlink/tables.js'

/** Where an address is: on this machine, on a link that it shares, or elsewhere. */
export type Reach = 'machine' | 'link' | 'elsewhere'

/** Classifies a literal address. `machine` includes any address that a device of this machine has now. */
export function reachOf(address: string): Reach {
  const bytes = parseIP(address)
  const text = mappedIPv4(bytes) ?? address
  if (isLoopback(text, bytes) || isOwn(text)) return 'machine'
  if (!text.includes(':')) return text.startsWith('169.254.') ? 'link' : 'elsewhere'
  // fe80::/10.
  return bytes[0] === 0xfe && bytes[1]! >> 6 === 2 ? 'link' : 'elsewhere'
}

/** Loopback, or the unspecified address, which means this machine on Linux (ip(7), ipv6(7)). */
function isLoopback(text: string, bytes: Uint8Array): boolean {
  if (!text.includes(':')) return /^(0|127)\./.test(text)
  return bytes.subarray(0, 15).every(byte => byte === 0) && bytes[15]! <= 1
}

function isOwn(text: string): boolean {
  const wanted = Buffer.from(parseIP(text))
  try {
    return readAddresses().some(({ address }) => wanted.equals(parseIP(address.address)))
  } catch {
    // If netlink is refused, `reachesItself` must decide, from the connected socket.
    return false
  }
}

/** Whether a connected socket leads to this machine: its source and destination address are then the same. */
export function reachesItself({
  localAddress,
  remoteAddress,
}: {
  localAddress?: string
  remoteAddress?: string
}): boolean {
  return localAddress === remoteAddress
}
