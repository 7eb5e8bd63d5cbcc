import { readFileSync } from 'node:fs'

/** The warning about a kernel that chooses among next hops by addresses alone (the kernel's ip-sysctl documentation). */
export function multipathRemarks(families: readonly (4 | 6)[]): string[] {
  return families
    .map(family => `net.ipv${family}.fib_multipath_hash_policy`)
    .filter(sysctl => read(sysctl) === '0')
    .map(
      sysctl => `${sysctl} is 0: all connections between two hosts share an uplink; sysctl -w ${sysctl}=1 spreads them`,
    )
}

function read(sysctl: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${sysctl.replaceAll('.', '/')}`, 'utf8').trim()
  } catch {
    return undefined
  }
}
