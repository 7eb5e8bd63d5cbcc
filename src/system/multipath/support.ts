import { closeSync, openSync } from 'node:fs'
import { constants } from 'node:os'
import { addon } from '../../binding/addon.js'
import { NetviaError, systemError } from '../../errors.js'
import { AF_INET } from '../../sockets/address.js'
import { trySubflowCommand } from './commands.js'
import { pathManagerSetting } from './path-manager.js'

/** IPPROTO_MPTCP of linux/in.h. */
export const multipathProtocol = 262

const { EINVAL, ENOPROTOOPT, EPERM, EPROTONOSUPPORT } = constants.errno

/** Why this kernel has no MPTCP sockets; undefined if it has. `fix` is the command that helps, to be run as root. */
export interface Obstacle {
  readonly reason: string
  readonly fix?: string
  /** CAP_NET_ADMIN is missing. */
  readonly privilege?: true
  readonly cause?: NetviaError
}

/** Whether MPTCP sockets can be opened: what a server needs. */
export function listenObstacle(): Obstacle | undefined {
  const { SOCK_STREAM } = addon().constants
  const fd = addon().socket(AF_INET, SOCK_STREAM!, multipathProtocol)
  if (fd >= 0) {
    addon().close(fd)
    return undefined
  }
  const cause = systemError(fd, 'socket(IPPROTO_MPTCP)')
  if (fd === -ENOPROTOOPT) return { cause, reason: 'net.mptcp.enabled is 0', fix: 'sysctl -w net.mptcp.enabled=1' }
  if (fd === -EINVAL || fd === -EPROTONOSUPPORT) return { cause, reason: 'this kernel has no MPTCP' }
  return { cause, reason: `an MPTCP socket is refused: ${cause.code}` }
}

/** Whether netvia can create subflows through named devices: what a client needs. */
export function connectObstacle(): Obstacle | undefined {
  const none = listenObstacle()
  if (none) return none
  const setting = pathManagerSetting()
  if (!setting) return { reason: 'this kernel lets no program create subflows; Linux 5.19 or later is needed' }
  const errno = triedCommand()
  if (errno === -EPERM)
    return { cause: systemError(errno, 'mptcp_pm'), reason: 'CAP_NET_ADMIN is needed', privilege: true }
  if (errno !== -EINVAL)
    return { cause: systemError(errno, 'mptcp_pm'), reason: 'the kernel refuses commands about subflows' }
  if (setting.value === setting.userspace || isWritable(setting.file)) return undefined
  const name = setting.file.replace('/proc/sys/', '').replaceAll('/', '.')
  return { reason: `${name} is read-only here`, fix: `sysctl -w ${name}=${setting.userspace}` }
}

/** Netlink itself may be refused. */
function triedCommand(): number {
  try {
    return trySubflowCommand()
  } catch (error) {
    return (error as NetviaError).errno ?? 0
  }
}

function isWritable(file: string): boolean {
  try {
    // access(2) would leave out the capabilities of an ordinary user.
    closeSync(openSync(file, 'r+'))
    return true
  } catch {
    return false
  }
}

/** The error for an obstacle, with what to do about it; `otherwise` if nothing helps. */
export function multipathUnavailable(
  caller: string,
  { reason, fix, privilege, cause }: Obstacle,
  otherwise: string,
): NetviaError {
  const command = fix && `run "${fix}" as root, or when the container starts`
  const hint = privilege ? '"netvia doctor" shows how to get CAP_NET_ADMIN' : (command ?? otherwise)
  return new NetviaError(`${caller}: multipath is not possible: ${reason}; ${hint}`, {
    ...{ code: 'ERR_MULTIPATH_UNAVAILABLE', hint, cause },
  })
}
