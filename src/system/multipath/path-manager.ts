import { readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { addon } from '../../binding/addon.js'
import { systemError } from '../../errors.js'
import { genericNetlink } from '../netlink/generic.js'
import { bindNetlink, openNetlink } from '../netlink/request.js'

/** Who creates the subflows of a namespace's connections (net.mptcp.path_manager, before Linux 6.15 net.mptcp.pm_type). */
export interface PathManagerSetting {
  readonly file: string
  readonly value: string
  /** The value with which programs create the subflows, not the kernel. */
  readonly userspace: string
}

const settings = [
  { name: 'path_manager', userspace: 'userspace' },
  { name: 'pm_type', userspace: '1' },
] as const

/** The setting now; undefined before Linux 5.19, which has none. */
export function pathManagerSetting(): PathManagerSetting | undefined {
  for (const { name, userspace } of settings) {
    const file = `/proc/sys/net/mptcp/${name}`
    try {
      return { file, userspace, value: readFileSync(file, 'utf8').trim() }
    } catch {
      // An older kernel.
    }
  }
  return undefined
}

/**
 * A port id that no process id reaches. Only one netlink socket of a namespace can have it, and the kernel frees it when
 * its process is killed.
 */
const lockPort = 0x6e76_6d70
const lockAttempts = 500

/**
 * Runs `open`, which must open a socket, while the namespace is set to let programs create subflows. The kernel notes the
 * setting when the socket is opened, so netvia restores it within microseconds. Other processes that do this wait.
 */
export async function asPathManager<T>(open: () => T): Promise<T> {
  const lock = await takeLock()
  try {
    const before = pathManagerSetting()
    if (!before || before.value === before.userspace) return open()
    writeFileSync(before.file, before.userspace)
    try {
      return open()
    } finally {
      writeFileSync(before.file, before.value)
    }
  } finally {
    addon().close(lock)
  }
}

async function takeLock(): Promise<number> {
  const fd = openNetlink(genericNetlink)
  try {
    for (let attempt = 1; ; attempt++) {
      const errno = bindNetlink(fd, { portId: lockPort })
      if (errno >= 0) return fd
      if (errno !== -constants.errno.EADDRINUSE || attempt === lockAttempts)
        throw systemError(errno, 'bind(AF_NETLINK)')
      await new Promise(resolve => setTimeout(resolve, 1))
    }
  } catch (error) {
    addon().close(fd)
    throw error
  }
}
