import { monotonicNow } from '../monotonic.js'
import { parseIP, unmapped } from '../sockets/ip.js'
import { isDeliveredHere, readAddresses } from './netlink/tables.js'

/** Where an address is: on this machine, on a link that it shares, or elsewhere. */
export type Reach = 'machine' | 'link' | 'elsewhere'

/** Classifies a literal address. `machine` includes any address that a device of this machine has now. */
export function reachOf(address: string): Reach {
  const text = unmapped(address)
  if (isThisMachine(text) || isOwnAddress(text)) return 'machine'
  if (!text.includes(':')) return text.startsWith('169.254.') ? 'link' : 'elsewhere'
  const bytes = parseIP(text)
  // fe80::/10.
  return bytes[0] === 0xfe && bytes[1]! >> 6 === 2 ? 'link' : 'elsewhere'
}

/** Whether packets to an address stay on this machine: loopback, the unspecified address, or one that a device here has. */
export function isThisMachine(address: string): boolean {
  const text = unmapped(address)
  if (isLoopback(text, parseIP(text))) return true
  try {
    return isDeliveredHere(text)
  } catch {
    // No route, or netlink is refused.
    return false
  }
}

/** Loopback, or the unspecified address, which means this machine on Linux (ip(7), ipv6(7)). */
function isLoopback(text: string, bytes: Uint8Array): boolean {
  if (!text.includes(':')) return /^(0|127)\./.test(text)
  return bytes.subarray(0, 15).every(byte => byte === 0) && bytes[15]! <= 1
}

/** In ms. Anybody's packets may ask about any number of addresses, and reading a long table takes time. */
const longestKept = 1000
let own: { readonly at: number; readonly addresses: ReadonlySet<string> } | undefined

/** Includes the addresses of devices that are down, and link-local addresses without a zone. At most a second old. */
export function isOwnAddress(text: string): boolean {
  try {
    if (own === undefined || monotonicNow() - own.at > longestKept) {
      own = { at: monotonicNow(), addresses: new Set(readAddresses().map(({ address }) => bytesOf(address.address))) }
    }
    return own.addresses.has(bytesOf(text))
  } catch {
    // If netlink is refused, `reachesItself` must decide, from the connected socket.
    return false
  }
}

function bytesOf(address: string): string {
  return parseIP(address).join()
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
