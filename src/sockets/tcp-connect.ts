import { addon } from '../binding/addon.js'
import { hold, Watch } from '../binding/poller.js'
import { systemError } from '../errors.js'
import type { PathOptions } from '../options.js'
import { encodeAddress, familyOf } from './address.js'
import { openDescriptor, verifyDevice } from './open.js'
import { getOption } from './options.js'

/**
 * Connects one TCP descriptor to one address (no names), on its path. Resolves with the connected descriptor, which the
 * caller owns (`addon().detach` before another owner takes it, or `addon().close`). Aborting closes it and rejects with the reason.
 */
export function connectDescriptor(
  address: string,
  port: number,
  path: PathOptions,
  signal?: AbortSignal,
): Promise<number> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const native = addon()
    const { EINPROGRESS, EPOLLOUT } = native.constants
    const fd = openDescriptor(familyOf(address), 'stream', 0, path)
    const where = { address, port, device: path.device }
    const release = hold()
    const watch = new Watch(fd, () => settle(-getOption(fd, 'SO_ERROR')))
    const onAbort = () => {
      finish()
      native.close(fd)
      reject(signal!.reason)
    }
    const finish = () => {
      signal?.removeEventListener('abort', onAbort)
      watch.close()
      release()
    }
    const settle = (errno: number) => {
      finish()
      try {
        if (errno < 0) throw systemError(errno, 'connect', where)
        if (path.device !== undefined) verifyDevice(fd, path.device)
        resolve(fd)
      } catch (error) {
        native.close(fd)
        reject(error)
      }
    }
    signal?.addEventListener('abort', onAbort)
    const errno = native.connect(fd, encodeAddress(address, port))
    if (errno !== -EINPROGRESS!) return settle(errno)
    try {
      watch.arm(EPOLLOUT!)
    } catch (error) {
      finish()
      native.close(fd)
      reject(error)
    }
  })
}
