import { addon } from '../binding/addon.js'
import { monotonicNow } from '../monotonic.js'
import { encodeAddress, ipRange, scopeOf } from '../sockets/address.js'
import { parseIP, unmapped } from '../sockets/ip.js'
import { isDeliveredHere, readAddresses } from './netlink/tables.js'

/** Where an address is: on this machine, on a link that it shares, or elsewhere. */
export type Reach = 'machine' | 'link' | 'elsewhere'

/** Classifies a literal address. `machine` includes any address that a device of this machine has now. */
export function reachOf(address: string): Reach {
  const text = unmapped(address)
  if (isThisMachine(text) || isOwnAddress(text)) return 'machine'
  return text.startsWith('169.254.') || isLinkLocal(text) ? 'link' : 'elsewhere'
}

/** Whether packets to an address stay on this machine: loopback, the unspecified address, or one that a device here has. */
export function isThisMachine(address: string): boolean {
  const text = unmapped(address)
  if (isLoopback(text)) return true
  try {
    return isDeliveredHere(text, linkOf(text))
  } catch {
    // No route, no such link, or netlink is refused.
    return false
  }
}

/** Loopback, or the unspecified address, which means this machine on Linux (ip(7), ipv6(7)). */
export function isLoopback(text: string): boolean {
  if (!text.includes(':')) return /^(0|127)\./.test(text)
  const bytes = parseIP(text)
  return bytes.subarray(0, 15).every(byte => byte === 0) && bytes[15]! <= 1
}

/** Includes the addresses of devices that are down, and link-local addresses without a zone. At most a second old. */
export function isOwnAddress(text: string): boolean {
  try {
    return ownKeys().has(keyOf(parseIP(text)) + (linkOf(text) ?? ''))
  } catch {
    // The zone is a device that doesn't exist.
    return false
  }
}

/** Whether a device of this machine has this socket address, on any link. At most a second old. */
export function hasAddress(address: Uint8Array): boolean {
  const [start, end] = ipRange(address)
  return ownKeys().has(keyOf(address, start, end))
}

/** Whether this device has this address. `true` is at most a second old, or netlink is refused. */
export function isAddressOf(text: string, device: string): boolean {
  return isOwnKey(keyOf(parseIP(text)) + addon().deviceIndex(device))
}

/** Whether the kernel delivers packets through this device on this machine: the device, or one of the VRF, has the address. */
export function isDeliveredTo(address: string, deviceIndex: number): boolean {
  try {
    return isDeliveredHere(address, deviceIndex)
  } catch {
    // No route, or netlink is refused.
    return false
  }
}

/** Whether a device has an address of a family, be it only a link-local one. `true` is at most a second old, or netlink is refused. */
export function hasFamily(deviceIndex: number, family: 4 | 6): boolean {
  return isOwnKey(familyKey(deviceIndex, family))
}

/** What isn't known may be new: it is looked for again, once a millisecond, as a name may have thousands of addresses. */
function isOwnKey(key: string): boolean {
  if (ownKeys().has(key)) return true
  const keys = ownKeys(1)
  return keys.size === 0 || keys.has(key)
}

const familyKey = (deviceIndex: number, family: 4 | 6) => `${deviceIndex} IPv${family}`

/** In ms. Anybody's packets may ask about any number of addresses, and reading a long table takes time. */
const longestKept = 1000
let own: { readonly at: number; readonly keys: ReadonlySet<string> } | undefined

function ownKeys(kept = longestKept): ReadonlySet<string> {
  if (own === undefined || monotonicNow() - own.at > kept) own = { at: monotonicNow(), keys: readOwnKeys() }
  return own.keys
}

/**
 * Each address, alone and with its link, and the families of each link. Empty if netlink is refused: then the connected socket must
 * decide (`reachesItself`).
 */
function readOwnKeys(): ReadonlySet<string> {
  try {
    return new Set(
      readAddresses().flatMap(({ address: { address, family }, deviceIndex }) => {
        const bytes = parseIP(address)
        return [keyOf(bytes), keyOf(bytes) + deviceIndex, familyKey(deviceIndex, family)]
      }),
    )
  } catch {
    return new Set()
  }
}

/** Sweeps ask for each target, and a spread would take five times as long. */
function keyOf(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let key = ''
  for (let i = start; i < end; i++) key += String.fromCharCode(bytes[i]!)
  return key
}

/** Index of the device in a link-local address's zone. On another link, the same address may be another host's. */
function linkOf(address: string): number | undefined {
  return isLinkLocal(address) ? scopeOf(encodeAddress(address)) || undefined : undefined
}

/** fe80::/10 (RFC 4291 section 2.5.6). */
function isLinkLocal(address: string): boolean {
  const bytes = parseIP(address)
  return bytes.length === 16 && bytes[0] === 0xfe && bytes[1]! >> 6 === 2
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
