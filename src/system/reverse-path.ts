import { readFileSync } from 'node:fs'
import { parseIP } from '../sockets/ip.js'
import { sourceAddress } from '../sockets/source-address.js'
import { routeHops } from './netlink/tables.js'

/** The value of strict filtering (RFC 3704): packets must come in through the device that their sender is reached by. */
const strict = 1

/**
 * The device's rp_filter, or that of all devices: the higher of the two counts (the kernel's ip-sysctl documentation).
 * Undefined where /proc has none of them (its mount option subset=pid).
 */
export function reversePathFilter(device: string): number | undefined {
  const read = (name: string) => Number(readFileSync(`/proc/sys/net/ipv4/conf/${name}/rp_filter`, 'utf8'))
  try {
    return Math.max(read('all'), read(device))
  } catch {
    return undefined
  }
}

/** Whether the kernel drops what an IPv4 host sends through this device, because a route leads there through another. */
export function isFilteredBack(address: string, device: string, deviceIndex: number): boolean {
  if (reversePathFilter(device) !== strict) return false
  // A rule may choose the route by the address that the answers are sent to.
  const source = parseIP(sourceAddress({ address, port: 9 }, { device }))
  const hops = routeHops(address, { source })
  return hops === undefined || (hops.length > 0 && hops.every(hop => hop.deviceIndex !== deviceIndex))
}
