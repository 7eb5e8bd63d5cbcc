import { constants } from 'node:os'
import { addon } from '../../binding/addon.js'
import { genericFamily, genericNetlink } from '../netlink/generic.js'
import { carryOut, openNetlink } from '../netlink/request.js'
import { encodeSubflow, pathManagerFamily, SubflowCommand, type SubflowEnd } from '../netlink/subflow.js'

/** Creates a subflow. Returns 0 once its SYN is on its way, or a negative errno. */
export function createSubflow(token: number, local: SubflowEnd, remote: SubflowEnd): number {
  return command(SubflowCommand.create, token, local, remote)
}

/** Closes a subflow. Returns 0, or a negative errno. */
export function destroySubflow(token: number, local: SubflowEnd, remote: SubflowEnd): number {
  return command(SubflowCommand.destroy, token, local, remote)
}

/** Makes a subflow a backup or an active one, and reports that to the other end (MP_PRIO, RFC 8684 section 3.3.8). */
export function setSubflowPriority(token: number, local: SubflowEnd, remote: SubflowEnd): number {
  return command(SubflowCommand.setFlags, token, local, remote)
}

/** Tries a command about a connection that doesn't exist. Returns the negative errno of the refusal: -EINVAL if it may. */
export function trySubflowCommand(): number {
  return command(SubflowCommand.destroy, 0, { address: '127.0.0.1', port: 1 }, { address: '127.0.0.1', port: 1 })
}

/** The kernel numbers its families when it starts. */
let familyId: number | undefined

function command(number: number, token: number, local: SubflowEnd, remote: SubflowEnd): number {
  familyId ??= genericFamily(pathManagerFamily)?.id
  if (familyId === undefined) return -constants.errno.EOPNOTSUPP
  const fd = openNetlink(genericNetlink)
  try {
    return carryOut(fd, [{ type: familyId, flags: 0, payload: encodeSubflow(number, token, local, remote) }])[0]!
  } finally {
    addon().close(fd)
  }
}
