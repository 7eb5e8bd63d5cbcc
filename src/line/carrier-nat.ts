import { parseIP } from '../sockets/ip.js'
import type { NatResult } from './nat.js'
import { type LineVerdict, unknown } from './verdict.js'

/** Whether an address is of the block that carriers share between themselves and their NAT: 100.64.0.0/10 (RFC 6598). */
export function isCarrierShared(address: string): boolean {
  const bytes = parseIP(address)
  return bytes.length === 4 && bytes[0] === 100 && bytes[1]! >> 6 === 1
}

/** Judges by the addresses that this machine has on the line, and by what a STUN server sees. */
export function judgeCarrierNat(own: readonly string[], nat: NatResult | undefined): LineVerdict {
  const shared = own.find(isCarrierShared)
  if (shared !== undefined)
    return { verdict: 'yes', evidence: `the device has ${shared}, which carriers use behind their NAT (RFC 6598)` }
  if (nat === undefined) return unknown('no STUN server was given')
  if (!nat.ok) return unknown(`the public address is unknown: ${nat.error.message}`)
  const { publicAddress, localAddress, translated } = nat
  if (isCarrierShared(publicAddress))
    return {
      verdict: 'yes',
      evidence: `the server sees ${publicAddress}, which carriers use behind their NAT (RFC 6598)`,
    }
  if (!translated || publicAddress === localAddress)
    return { verdict: 'no', evidence: `the server sees the device's own address ${localAddress}` }
  return unknown(`${localAddress} is translated to ${publicAddress}, by your router or by the carrier`)
}
