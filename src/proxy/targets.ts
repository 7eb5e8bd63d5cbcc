import { NetviaError } from '../errors.js'
import { mappedIPv4, parseIP } from '../sockets/ip.js'
import { reachesItself, reachOf } from '../system/reach.js'
import { Blocks } from './blocks.js'
import type { End } from './descriptor.js'

/** Where only this machine or its own networks should get to, and what is no single host (IANA's special-purpose registries). */
const inside = new Blocks([
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '224.0.0.0/4', '240.0.0.0/4'],
  ...['192.0.0.0/24', '198.18.0.0/15'],
  ...['fc00::/7', 'fec0::/10', 'ff00::/8', '64:ff9b:1::/48', '100::/63', '2001::/32', '2001:2::/48', '5f00::/16'],
])

/**
 * A client may not use the proxy to reach what only this machine, its links and its private networks can. Judged by the address
 * that is connected to, after name resolution.
 */
export class Targets {
  readonly #allowed: Blocks

  constructor(allowed: Blocks) {
    this.#allowed = allowed
  }

  /** @throws NetviaError `ERR_PROXY_TARGET`. */
  check(address: string): void {
    if (this.#allowed.has(address)) return
    for (const meant of [address, embeddedIPv4(address)]) {
      if (meant !== undefined && (inside.has(meant) || reachOf(meant) !== 'elsewhere')) throw refused(address)
    }
  }

  /** @throws NetviaError `ERR_PROXY_TARGET`, and closes the connection. */
  checkConnected(far: End): void {
    const { localAddress, remoteAddress } = far
    if (
      remoteAddress === undefined ||
      !reachesItself({ localAddress, remoteAddress }) ||
      this.#allowed.has(remoteAddress)
    )
      return
    far.destroy()
    throw refused(remoteAddress)
  }
}

function refused(address: string): NetviaError {
  const hint = 'allow it as a target'
  return new NetviaError(`${address} is on this machine or in a private network; ${hint}`, {
    ...{ code: 'ERR_PROXY_TARGET', address, hint },
  })
}

/**
 * The IPv4 address behind a translator's (RFC 6052; RFC 2765: `::ffff:0:0:0/96`), a 6to4 (RFC 3056), an ISATAP (RFC 5214) or an
 * IPv4-compatible address.
 */
function embeddedIPv4(address: string): string | undefined {
  const bytes = parseIP(address)
  if (bytes.length === 4 || mappedIPv4(bytes)) return undefined
  if (bytes[0] === 0x20 && bytes[1] === 0x02) return bytes.subarray(2, 6).join('.')
  // ISATAP: any prefix, then 0000:5efe or 0200:5efe.
  if ((bytes[8]! & ~2) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe)
    return bytes.subarray(12).join('.')
  const wellKnown = bytes[0] === 0 && bytes[1] === 0x64 && bytes[2] === 0xff && bytes[3] === 0x9b
  const translated = bytes[8] === 0xff && bytes[9] === 0xff
  const rest = [...bytes.subarray(wellKnown ? 4 : 0, 8), ...bytes.subarray(translated ? 10 : 8, 12)]
  return rest.every(byte => byte === 0) ? bytes.subarray(12).join('.') : undefined
}
