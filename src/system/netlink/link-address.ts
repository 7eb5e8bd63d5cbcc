import { decodeAttributes } from './attributes.js'
import { pack, readU32 } from './bytes.js'
import { formatAddress, ipFamily } from './ip-address.js'

const headerSize = 8
const attribute = { address: 1, local: 2, broadcast: 4, cacheInfo: 6, flags: 8 } as const
const flag = { secondary: 0x1, dadFailed: 0x8, deprecated: 0x20, tentative: 0x40 } as const
const foreverSeconds = 0xffff_ffff

/** Where an address is valid (rtnetlink(7), `rtm_scope`). */
export type AddressScope = 'global' | 'site' | 'link' | 'host' | 'nowhere'

/** linux/rtnetlink.h, enum rt_scope_t. */
const scopes = new Map<number, AddressScope>([
  [0, 'global'],
  [200, 'site'],
  [253, 'link'],
  [254, 'host'],
  [255, 'nowhere'],
])

/** An address of a device. */
export interface DeviceAddress {
  /** The address, without prefix length. */
  readonly address: string
  /** 4 or 6. */
  readonly family: 4 | 6
  /** Bits of the network part. */
  readonly prefixLength: number
  /** Where it is valid. */
  readonly scope: AddressScope
  /** Address of the other end of a point-to-point link. */
  readonly peer?: string
  /** Broadcast address of the subnet, if it has one. */
  readonly broadcast?: string
  /** IPv4: it is not the first of its subnet. IPv6: it is temporary (RFC 8981). */
  readonly secondary: boolean
  /** It still works, but is no longer chosen for new connections (RFC 4862). */
  readonly deprecated: boolean
  /** It can't be used (yet): duplicate address detection is running or has failed (RFC 4862). */
  readonly tentative: boolean
  /** Remaining lifetime in milliseconds; undefined if unlimited. */
  readonly validMs?: number
}

export interface AddressMessage {
  readonly deviceIndex: number
  readonly address: DeviceAddress
}

/** `struct ifaddrmsg` that requests all addresses. */
export const addressDumpRequest = pack([1, 0], [1, 0], [1, 0], [1, 0], [4, 0])

/** RTM_NEWADDR and RTM_DELADDR; undefined for truncated messages and other families. Pure. */
export function decodeLinkAddress(payload: Uint8Array): AddressMessage | undefined {
  const family = ipFamily(payload[0] ?? 0)
  const deviceIndex = readU32(payload, 4)
  if (family === undefined || deviceIndex === undefined) return undefined
  const attributes = decodeAttributes(payload.subarray(headerSize))
  const far = formatAddress(attributes.get(attribute.address))
  // On point-to-point links, IFA_ADDRESS is the other end. IPv6 uses IFA_LOCAL only there.
  const address = formatAddress(attributes.get(attribute.local)) ?? far
  if (address === undefined) return undefined
  const flags = readU32(attributes.get(attribute.flags) ?? new Uint8Array()) ?? payload[2]!
  const valid = readU32(attributes.get(attribute.cacheInfo) ?? new Uint8Array(), 4)
  return {
    deviceIndex,
    address: {
      address,
      family,
      prefixLength: payload[1]!,
      scope: scopes.get(payload[3]!) ?? 'nowhere',
      peer: far === address ? undefined : far,
      broadcast: formatAddress(attributes.get(attribute.broadcast)),
      secondary: (flags & flag.secondary) !== 0,
      deprecated: (flags & flag.deprecated) !== 0,
      tentative: (flags & (flag.tentative | flag.dadFailed)) !== 0,
      validMs: valid === undefined || valid === foreverSeconds ? undefined : valid * 1000,
    },
  }
}
