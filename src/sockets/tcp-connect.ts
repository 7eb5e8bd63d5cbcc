import { addon } from '../binding/addon.js'
import { hold, Watch } from '../binding/poller.js'
import { systemError } from '../errors.js'
import type { PathOptions } from '../options.js'
import { encodeAddress, familyOf } from './address.js'
import { onDeviceLoss } from './device-loss.js'
import { openDescriptor, verifyDevice } from './open.js'
import { getOption } from './options.js'

/**
 * Connects one TCP descriptor to one address (no names), on its path. Resolves with the connected descriptor, which the
 * caller owns (`handOver`, or `addon().close`). Aborting closes it and rejects with the reason; so does the loss of the
 * device, with ENODEV.
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
    const target = encodeAddress(address, port)
    const where = { address, port, device: path.device }
    const fd = openDescriptor(familyOf(address), 'stream', 0, path)

    const finish = () => {
      signal?.removeEventListener('abort', onAbort)
      endLossWatch()
      watch.close()
      release()
    }
    const fail = (error: unknown) => {
      finish()
      native.close(fd)
      reject(error)
    }
    const settle = (errno: number) => {
      try {
        if (errno < 0) throw systemError(errno, 'connect', where)
        if (path.device !== undefined) verifyDevice(fd, path.device)
      } catch (error) {
        return fail(error)
      }
      finish()
      resolve(fd)
    }
    const onAbort = () => fail(signal!.reason)
    const release = hold()
    const watch = new Watch(fd, () => settle(-getOption(fd, 'SO_ERROR')))
    const endLossWatch = onDeviceLoss(fd, path.device, fail)
    signal?.addEventListener('abort', onAbort)

    const errno = native.connect(fd, target)
    if (errno !== -EINPROGRESS!) return settle(errno)
    try {
      watch.arm(EPOLLOUT!)
    } catch (error) {
      fail(error)
    }
  })
}
