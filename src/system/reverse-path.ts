import { readFileSync } from 'node:fs'
import { isGroup, parseIP } from '../sockets/ip.js'
import { sourceAddress } from '../sockets/source-address.js'
import type { Rule } from './netlink/rule.js'
import { readAddresses, readRules, routeHops } from './netlink/tables.js'

/** The value of strict filtering (RFC 3704): packets must come in through the device that their sender is reached by. */
export const strict = 1

/** The command that lets in what a strict filter drops. */
export function loosenHint(device: string): string {
  return `sysctl -w net/ipv4/conf/${device}/rp_filter=2`
}

/**
 * The device's rp_filter, or that of all devices: the higher of the two counts (the kernel's ip-sysctl documentation).
 * Undefined where /proc has none of them (its mount option subset=pid).
 */
export function reversePathFilter(device: string): number | undefined {
  return setting(device, 'rp_filter')
}

/** With more addresses that rules may regard, nothing is claimed: a sweep asks the kernel about each of them for each of its targets. */
const mostSources = 4

function setting(device: string, key: string): number | undefined {
  const read = (name: string) => Number(readFileSync(`/proc/sys/net/ipv4/conf/${name}/${key}`, 'utf8'))
  try {
    return Math.max(read('all'), read(device))
  } catch {
    return undefined
  }
}

/**
 * The addresses of a device that the kernel may choose routes by. Without a rule that regards them, one stands for all. Undefined if
 * they are too many.
 */
export function sourcesFor(rules: readonly Rule[], deviceIndex: number): Uint8Array[] | undefined {
  const all = readAddresses()
    .filter(({ address, deviceIndex: index }) => index === deviceIndex && address.family === 4)
    .map(({ address }) => parseIP(address.address))
  const own = rules.some(({ source }) => source !== undefined) ? all : all.slice(0, 1)
  return own.length > mostSources ? undefined : own
}

/**
 * Returns whether a strict filter drops what an IPv4 host sends through this device, because a route leads there through another. It is
 * false where the kernel may choose that route by what no question has: a mark from the firewall, a port, a protocol.
 */
export function filterBack(device: string, deviceIndex: number): (address: string) => boolean {
  if (reversePathFilter(device) !== strict || setting(device, 'src_valid_mark') !== 0) return () => false
  const rules = readRules().filter(({ family }) => family === 4)
  if (rules.some(({ isOfSome }) => isOfSome)) return () => false
  const own = sourcesFor(rules, deviceIndex)
  if (own === undefined) return () => false
  const isElsewhere = (address: string, source: Uint8Array) => {
    const hops = routeHops(address, { source })
    return hops === undefined || (hops.length > 0 && hops.every(hop => hop.deviceIndex !== deviceIndex))
  }
  return address => {
    // The members of a group answer from addresses of their own.
    if (isGroup(address)) return false
    // A rule may choose the route by the address that the answers are sent to. The call may have named any of them.
    const sources = own.length > 0 ? own : [parseIP(sourceAddress({ address }, { device }))]
    return sources.every(source => isElsewhere(address, source))
  }
}
