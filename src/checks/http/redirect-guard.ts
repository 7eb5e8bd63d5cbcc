import type { Socket } from 'node:net'
import type { NetviaError } from '../../errors.js'
import { mappedIPv4, parseIP } from '../../sockets/ip.js'
import { readAddresses } from '../../system/netlink/tables.js'
import { redirectError } from './redirect.js'

/** What an address reaches: this machine itself, what shares a link with it, or anything else. */
type Reach = 'machine' | 'link' | 'elsewhere'

/**
 * A server elsewhere may not use a check to reach what only this machine or its links can: its own services, or those of
 * cloud providers and modems at link-local addresses. Judged by the addresses that connections are made to, after name
 * resolution, so that no name gets around it, not even one that has another address when it is asked for again.
 *
 * @throws NetviaError `ERR_HTTP_REDIRECT`.
 */
export function guardRedirect(from: string, to: string): void {
  const target = reachOf(to)
  if (target === 'elsewhere') return
  const source = reachOf(from)
  if (source === 'machine' || source === target) return
  throw refused()
}

/** Once the connection is made: to itself, this machine connects from the address that it connects to. */
export function guardConnection(from: string, { localAddress, remoteAddress }: Socket): void {
  if (localAddress === remoteAddress && reachOf(from) !== 'machine') throw refused()
}

function refused(): NetviaError {
  return redirectError('the redirect leads to this machine or to a link-local address')
}

function reachOf(address: string): Reach {
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

/** An address of any device of this machine, at this moment. */
function isOwn(text: string): boolean {
  const wanted = Buffer.from(parseIP(text))
  try {
    return readAddresses().some(({ address }) => wanted.equals(parseIP(address.address)))
  } catch {
    // Where netlink is refused, what the connected socket says has to do.
    return false
  }
}
