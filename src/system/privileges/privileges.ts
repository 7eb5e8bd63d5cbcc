import { readFileSync } from 'node:fs'
import { constants, release } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { connectObstacle, type Obstacle } from '../multipath/support.js'
import {
  type CapabilityName,
  hasCapability,
  isUserNamespace,
  type ProcessStatus,
  parseProcessStatus,
} from './process-status.js'
import { type Trials, tryPrivileges } from './trials.js'

/** Whether this process has one privilege. */
export interface Privilege {
  /** Whether it may. */
  readonly allowed: boolean
  /** Why, or why not. */
  readonly reason: string
  /** A command that grants it, to be run as root. Undefined if it is granted already, or no command can. */
  readonly fix?: string
}

/** The privileges of this process. */
export interface Privileges {
  /** CAP_NET_RAW (capabilities(7)): raw sockets, and changing the device of a bound socket. */
  readonly netRaw: Privilege
  /** CAP_NET_ADMIN: `UplinkRouting`, marks on old kernels, larger receive buffers than `net.core.rmem_max`. */
  readonly netAdmin: Privilege
  /** CAP_NET_BIND_SERVICE: ports below `net.ipv4.ip_unprivileged_port_start`. */
  readonly netBindService: Privilege
  /** `ping` with `kind: 'raw'` (raw(7)), IPv4. */
  readonly rawIcmp4: Privilege
  /** The same for IPv6. */
  readonly rawIcmp6: Privilege
  /** `ping` without privileges, IPv4: `net.ipv4.ping_group_range` (icmp(7)). */
  readonly datagramIcmp4: Privilege
  /** `ping` without privileges, IPv6. The same sysctl applies. */
  readonly datagramIcmp6: Privilege
  /** The `device` option: SO_BINDTODEVICE (socket(7)). Allowed for every process since Linux 5.7. */
  readonly bindToDevice: Privilege
  /** The `mark` option: SO_MARK (socket(7)). */
  readonly mark: Privilege
  /** Listening on ports below 1024. */
  readonly lowPorts: Privilege
  /** Send timestamps from the kernel (SO_TIMESTAMPING). */
  readonly transmitTimestamps: Privilege
  /** `connect` with `multipath`: Multipath TCP (RFC 8684). `listen` with `multipath` needs no privilege. */
  readonly multipath: Privilege
  /** Release of the running kernel, such as `6.1.0-18-amd64`. */
  readonly kernel: string
  /**
   * Whether the process is in a user namespace. Its capabilities then apply only to network namespaces created there
   * (user_namespaces(7)).
   */
  readonly userNamespace: boolean
}

/** The facts that determine the verdicts. */
export interface PrivilegeFacts {
  readonly status: ProcessStatus
  readonly trials: Trials
  /** Why `connect` can't use several devices; undefined if it can. */
  readonly multipath: Obstacle | undefined
  /** First and last group of `net.ipv4.ping_group_range`; undefined if it can't be read. */
  readonly pingGroups: readonly [number, number] | undefined
  /** `net.ipv4.ip_unprivileged_port_start`. */
  readonly firstFreePort: number
  readonly kernel: string
  readonly userNamespace: boolean
  /** Path of the running program. */
  readonly program: string
  /** Whether systemd started it. */
  readonly service: boolean
}

/**
 * Returns the privileges of this process, with a command for each missing one if a command can grant it. It tests by trying
 * where that does no harm: it opens and closes sockets, and sends nothing. It therefore notices seccomp filters and security
 * modules too.
 *
 * @throws NetviaError `ERR_UNSUPPORTED_PLATFORM`, `ERR_ADDON_NOT_FOUND` where the addon does not load.
 */
export async function privileges(): Promise<Privileges> {
  const groups = readProc('sys/net/ipv4/ping_group_range').trim().split(/\s+/).map(Number)
  return judgePrivileges({
    status: parseProcessStatus(readProc('self/status')),
    trials: tryPrivileges(),
    multipath: connectObstacle(),
    pingGroups: groups.length === 2 ? [groups[0]!, groups[1]!] : undefined,
    firstFreePort: Number(readProc('sys/net/ipv4/ip_unprivileged_port_start') || 1024),
    kernel: release(),
    userNamespace: isUserNamespace(readProc('self/uid_map')),
    program: process.execPath,
    service: process.env.INVOCATION_ID !== undefined,
  })
}

/** Derives the verdicts from the facts. Pure. */
export function judgePrivileges(facts: PrivilegeFacts): Privileges {
  const { trials, kernel, userNamespace } = facts
  const icmp6 = (errno: number, otherwise: () => Privilege) => (missing(errno) ? noIPv6 : otherwise())
  return {
    netRaw: judgeCapability('NET_RAW', facts),
    netAdmin: judgeCapability('NET_ADMIN', facts),
    netBindService: judgeCapability('NET_BIND_SERVICE', facts),
    rawIcmp4: judgeTrial(trials.rawIcmp4, 'a raw socket', 'NET_RAW', facts),
    rawIcmp6: icmp6(trials.rawIcmp6, () => judgeTrial(trials.rawIcmp6, 'a raw socket', 'NET_RAW', facts)),
    datagramIcmp4: judgeDatagram(trials.datagramIcmp4, facts),
    datagramIcmp6: icmp6(trials.datagramIcmp6, () => judgeDatagram(trials.datagramIcmp6, facts)),
    bindToDevice: judgeTrial(trials.bindToDevice, 'binding to a device (before Linux 5.7)', 'NET_RAW', facts),
    mark: judgeTrial(trials.mark, 'SO_MARK', atLeast(kernel, 5, 17) ? 'NET_RAW' : 'NET_ADMIN', facts),
    lowPorts: judgeLowPorts(facts),
    transmitTimestamps: judgeTimestamps(trials.transmitTimestamps),
    multipath: judgeMultipath(facts),
    kernel,
    userNamespace,
  }
}

const { EACCES, EADDRINUSE, EAFNOSUPPORT, EPERM } = constants.errno
const noIPv6: Privilege = { allowed: false, reason: 'this kernel has no IPv6' }

function missing(errno: number): boolean {
  return errno === -EAFNOSUPPORT
}

function judgeCapability(name: CapabilityName, facts: PrivilegeFacts): Privilege {
  if (!facts.status.isKnown) return { allowed: false, reason: 'unknown: /proc/self/status cannot be read' }
  if (hasCapability(facts.status.effective, name)) return { allowed: true, reason: `CAP_${name} is in effect` }
  return { allowed: false, reason: `CAP_${name} is not in effect`, fix: grant(name, facts) }
}

/** If the kernel refuses despite the capability, no command of ours can help. */
function judgeTrial(errno: number, what: string, needed: CapabilityName, facts: PrivilegeFacts): Privilege {
  if (errno === 0) return { allowed: true, reason: 'tried, and it works' }
  const code = getSystemErrorName(errno)
  if (errno !== -EPERM) return { allowed: false, reason: `${what} is refused: ${code}` }
  if (!hasCapability(facts.status.effective, needed)) {
    return { allowed: false, reason: `${what} needs CAP_${needed} (${code})`, fix: grant(needed, facts) }
  }
  const who = facts.userNamespace
    ? 'the network namespace belongs to another user namespace'
    : 'a seccomp filter or a security module forbids it'
  return { allowed: false, reason: `${what} is refused (${code}) in spite of CAP_${needed}: ${who}` }
}

function judgeDatagram(errno: number, { pingGroups, status }: PrivilegeFacts): Privilege {
  if (errno === 0) return { allowed: true, reason: 'tried, and it works' }
  const code = getSystemErrorName(errno)
  const fix = 'sysctl -w net.ipv4.ping_group_range="0 2147483647"'
  if (errno !== -EACCES || !pingGroups) {
    return { allowed: false, reason: `a datagram ICMP socket is refused: ${code}` }
  }
  const [first, last] = pingGroups
  const range = `net.ipv4.ping_group_range is "${first} ${last}"`
  if (first > last) return { allowed: false, reason: `${range}: nobody may, not even root`, fix }
  if (status.groups.some(group => group >= first && group <= last)) {
    return { allowed: false, reason: `refused (${code}) although ${range}: a security module forbids it` }
  }
  const own = status.groups.join(', ')
  return { allowed: false, reason: `${range}, and this process has only the groups ${own}`, fix }
}

function judgeLowPorts({ trials: { lowPort }, firstFreePort }: PrivilegeFacts): Privilege {
  // The port is in use. The kernel checks permission before that.
  if (lowPort === 0 || lowPort === -EADDRINUSE) return { allowed: true, reason: 'tried, and it works' }
  const reason = `ports below ${firstFreePort} need CAP_NET_BIND_SERVICE (${getSystemErrorName(lowPort)})`
  return { allowed: false, reason, fix: 'sysctl -w net.ipv4.ip_unprivileged_port_start=0' }
}

function judgeTimestamps(errno: number): Privilege {
  if (errno === 0) return { allowed: true, reason: 'tried, and it works' }
  return {
    allowed: false,
    reason: `SO_TIMESTAMPING is refused: ${getSystemErrorName(errno)}; send times are taken by netvia`,
  }
}

function judgeMultipath(facts: PrivilegeFacts): Privilege {
  if (!facts.multipath) return { allowed: true, reason: 'tried, and it works' }
  const { reason, fix, privilege } = facts.multipath
  return { allowed: false, reason, fix: privilege ? grant('NET_ADMIN', facts) : fix }
}

/** setcap(8) replaces a file's capabilities, so the command includes those it already has. */
function grant(name: CapabilityName, { status, program, service }: PrivilegeFacts): string {
  const bounded = !hasCapability(status.bounding, name)
  if (bounded && !service) return `docker run --cap-add=${name} …`
  if (bounded || status.noNewPrivileges) return `systemd-run --property=AmbientCapabilities=CAP_${name} ${program} …`
  const had = (['NET_RAW', 'NET_ADMIN', 'NET_BIND_SERVICE'] as const).filter(
    other => other === name || (status.uid !== 0 && hasCapability(status.effective, other)),
  )
  return `setcap ${had.map(capability => `cap_${capability.toLowerCase()}`).join(',')}+ep ${program}`
}

function atLeast(kernel: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = kernel.split(/[.-]/).map(Number)
  return first > major || (first === major && second >= minor)
}

function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return ''
  }
}
