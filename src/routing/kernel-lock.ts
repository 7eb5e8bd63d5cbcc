import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { addon } from '../binding/addon.js'
import { NetviaError, systemError } from '../errors.js'
import { bindNetlink, openNetlink } from '../system/netlink/request.js'

/** A port id that the kernel never assigns: it uses process ids, which end at 2^22, or counts down from 2^32. */
const ourPortId = 0x6e76_7274

/**
 * A netlink socket with a port id of our own. In a network namespace only one socket can have it (netlink(7)), and the kernel frees it
 * when its process ends, however that ends.
 *
 * @throws NetviaError `ERR_ROUTING_IN_USE` when another socket has it.
 */
export function openOnlyNetlink(): number {
  const fd = openNetlink()
  const errno = bindNetlink(fd, { portId: ourPortId })
  if (errno === 0) return fd
  addon().close(fd)
  if (errno !== -constants.errno.EADDRINUSE) throw systemError(errno, 'bind(AF_NETLINK)')
  throw new NetviaError('another UplinkRouting runs in this network namespace', {
    code: 'ERR_ROUTING_IN_USE',
    errno,
    syscall: 'bind(AF_NETLINK)',
    hint: `ss -A netlink -a | grep ${ourPortId}   # shows its socket`,
  })
}

/** Whether a process of this network namespace holds that socket; undefined where there is no /proc. */
export function isLockHeld(): boolean | undefined {
  try {
    // sk, protocol, port id, …: NETLINK_ROUTE is 0.
    return new RegExp(`^\\S+ +0 +${ourPortId} `, 'm').test(readFileSync('/proc/self/net/netlink', 'utf8'))
  } catch {
    return undefined
  }
}
