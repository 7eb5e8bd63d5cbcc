import { sourceAddress } from '../sockets/source-address.js'

/** An address of another device that packets have. */
export interface BorrowedSource {
  readonly address: string
  /** The device that has it. */
  readonly device: string
}

/** An address of the Internet (2000::/3). Nothing is sent there. */
const anywhere = { address: '2000::' }

/**
 * The IPv6 address of another device that the kernel gives to packets through this one. Rather than a deprecated address of its
 * own, it takes one of any device (RFC 6724 section 5, rule 3 comes before rule 5). Undefined: its own, or none at all.
 * `ownerOf`: the device that has a global address.
 */
export function borrowedSource(
  device: string,
  ownerOf: (address: string) => string | undefined,
): BorrowedSource | undefined {
  try {
    const address = sourceAddress(anywhere, { device })
    const owner = ownerOf(address)
    return owner === undefined || owner === device ? undefined : { address, device: owner }
  } catch {
    // There is no route, or no such device any more.
    return undefined
  }
}
