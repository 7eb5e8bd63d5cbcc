import { readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'

const { ENOBUFS, ENOMEM, EADDRNOTAVAIL, ENETDOWN, ENODEV } = constants.errno
/** Errors that fewer parallel attempts would avoid. */
export const shortages = [ENOBUFS, ENOMEM, EADDRNOTAVAIL]
/** Errors of this machine, whenever they occur. */
export const localFaults = [ENETDOWN, ENODEV, EADDRNOTAVAIL]
/** ICMP errors in a row that report a host as unreachable before its other ports are left out. One may be a coincidence. */
export const enoughErrors = 2

/** Maximum descriptors for a scan: three quarters of what RLIMIT_NOFILE leaves. The program keeps the rest. */
export function descriptorBudget(): number {
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(readText('/proc/self/limits')) ?? []
  if (soft === undefined || soft === 'unlimited') return Number.POSITIVE_INFINITY
  return Math.max(1, Math.floor((Number(soft) - readdirSync('/proc/self/fd').length) * 0.75))
}

/** Half of the local ports that `connect` chooses from (ip_local_port_range, ip(7)). */
export function portBudget(): number {
  const [first, last] = readText('/proc/sys/net/ipv4/ip_local_port_range').trim().split(/\s+/).map(Number)
  return first && last ? Math.max(1, Math.floor((last - first + 1) / 2)) : Number.POSITIVE_INFINITY
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
