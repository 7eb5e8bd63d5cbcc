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
const mostSources = 8

function setting(device: string, key: string): number | undefined {
  const read = (name: string) => Number(readFileSync(`/proc/sys/net/ipv4/conf/${name}/${key}`, 'utf8'))
  try {
    return Math.max(read('all'), read(device))
  } catch {
    return undefined
  }
}

/**
 * The addresses that the kernel may choose a device's routes by: a call may have named that of another device. Without a rule that regards
 * them, one of its own stands for all. Undefined if they are too many.
 */
export function sourcesFor(rules: readonly Rule[], deviceIndex: number): Uint8Array[] | undefined {
  const all = readAddresses().filter(({ address }) => address.family === 4 && !address.address.startsWith('127.'))
  const isRegarded = rules.some(({ source }) => source !== undefined)
  const chosen = isRegarded ? all : all.filter(one => one.deviceIndex === deviceIndex).slice(0, 1)
  return chosen.length > mostSources ? undefined : chosen.map(({ address }) => parseIP(address.address))
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
