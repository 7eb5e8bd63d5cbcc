/** The rights of this process, from /proc/self/status (proc(5), capabilities(7)). */
export interface ProcessStatus {
  /** Whether it could be read. Otherwise the rights below are none. */
  readonly isKnown: boolean
  /** Effective user and group, and the supplementary groups. */
  readonly uid: number
  readonly groups: readonly number[]
  readonly effective: bigint
  /** The maximum a program can get. Container runtimes reduce it. */
  readonly bounding: bigint
  /** File capabilities are ignored (PR_SET_NO_NEW_PRIVS). */
  readonly noNewPrivileges: boolean
}

const capabilityNumbers = { NET_BIND_SERVICE: 10, NET_ADMIN: 12, NET_RAW: 13 } as const
export type CapabilityName = keyof typeof capabilityNumbers

export function parseProcessStatus(text: string): ProcessStatus {
  const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(text)?.[1]?.trim() ?? ''
  const numbers = (name: string) => field(name).split(/\s+/).filter(Boolean).map(Number)
  const mask = (name: string) => BigInt(`0x${field(name) || '0'}`)
  return {
    isKnown: text !== '',
    uid: numbers('Uid')[1] ?? -1,
    groups: [...numbers('Gid').slice(1, 2), ...numbers('Groups')],
    effective: mask('CapEff'),
    bounding: mask('CapBnd'),
    noNewPrivileges: field('NoNewPrivs') === '1',
  }
}

export function hasCapability(mask: bigint, name: CapabilityName): boolean {
  return (mask & (1n << BigInt(capabilityNumbers[name]))) !== 0n
}

/** Whether uids differ from those outside: /proc/self/uid_map of the initial user namespace maps all of them to themselves. */
export function isUserNamespace(uidMap: string): boolean {
  return uidMap.trim() !== '' && !/^\s*0\s+0\s+4294967295\s*$/.test(uidMap)
}
