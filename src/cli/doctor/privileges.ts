import type { Privilege, Privileges } from '../../system/privileges/privileges.js'
import type { Finding } from './finding.js'

type Name = { [Key in keyof Privileges]: Privileges[Key] extends Privilege ? Key : never }[keyof Privileges]

const titles: Record<Name, string> = {
  bindToDevice: 'bind to a device',
  datagramIcmp4: 'ping without privilege, IPv4',
  datagramIcmp6: 'ping without privilege, IPv6',
  rawIcmp4: 'ping by raw socket, IPv4',
  rawIcmp6: 'ping by raw socket, IPv6',
  mark: 'firewall marks',
  lowPorts: 'listen on low ports',
  transmitTimestamps: "send times by the kernel's clock",
  multipath: 'multipath connections',
  netRaw: 'CAP_NET_RAW',
  netAdmin: 'CAP_NET_ADMIN',
  netBindService: 'CAP_NET_BIND_SERVICE',
}

/** What will do instead. */
const instead: Partial<Record<Name, Name>> = {
  datagramIcmp4: 'rawIcmp4',
  rawIcmp4: 'datagramIcmp4',
  datagramIcmp6: 'rawIcmp6',
  rawIcmp6: 'datagramIcmp6',
}

/** Checks need binding, and one of the two ways to ping. They work without the rest. */
export function privilegeFindings(privileges: Privileges): Finding[] {
  const findings = (Object.keys(titles) as Name[]).map((name): Finding => {
    const { allowed, reason, fix } = privileges[name]
    const other = instead[name]
    // A kernel without IPv6 lacks nothing that a command could give it.
    const possible = !name.endsWith('6') || fix !== undefined
    // Where both ways to ping are missing, one is enough: ping sockets, which need no privilege.
    const first = name.startsWith('datagram') || (other !== undefined && privileges[other].fix === undefined)
    const needed = name === 'bindToDevice' || (other !== undefined && first && !privileges[other].allowed && possible)
    return { about: titles[name], status: allowed ? 'yes' : 'no', optional: !needed, detail: reason, fix }
  })
  if (!privileges.userNamespace) return findings
  const detail =
    'capabilities apply only to network namespaces created in it; a command above that is refused here needs root outside'
  return [...findings, { about: 'user namespace', status: 'note', detail }]
}
