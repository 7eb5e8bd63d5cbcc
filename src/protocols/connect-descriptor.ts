import { constants } from 'node:os'
import { addon } from '../binding/addon.js'
import { hold, Watch } from '../binding/poller.js'
import { systemError } from '../errors.js'
import type { PathOptions } from '../options.js'
import type { Signal } from '../runtime/cancel.js'
import { encodeAddress, familyOf } from '../sockets/address.js'
import { openDescriptor } from '../sockets/open.js'
import { getOption } from '../sockets/options.js'
import { onLink } from '../sockets/zone.js'
import { onDeviceLoss } from '../system/device-loss.js'

const { EINPROGRESS, EALREADY } = constants.errno

/**
 * Connects one TCP descriptor to one address (no names), on its path. Resolves with the connected descriptor, which the
 * caller owns: pass it to `handOver`, which reads its binding again, or to `addon().close`. Aborting closes it and rejects
 * with the reason. The loss of the device does the same, with ENODEV.
 */
export async function connectDescriptor(
  address: string,
  port: number,
  path: PathOptions,
  signal?: Signal,
): Promise<number> {
  signal?.throwIfAborted()
  const target = onLink(encodeAddress(address, port), path.device)
  const fd = openDescriptor(familyOf(address), 'stream', 0, path)
  try {
    let errno = startConnecting(fd, target)
    if (errno === undefined) {
      await handshakeOver(fd, path.device, signal)
      errno = -getOption(fd, 'SO_ERROR')
    }
    if (errno < 0) throw systemError(errno, 'connect', { address, port, device: path.device })
    return fd
  } catch (error) {
    addon().close(fd)
    throw error
  }
}

/** 0 or the errno if that is known immediately, undefined while the handshake is under way. */
function startConnecting(fd: number, target: Uint8Array): number | undefined {
  const errno = addon().connect(fd, target)
  if (errno !== -EINPROGRESS) return errno
  // The handshake with a peer on this machine takes place within the call: asking again shows it, and saves a wait.
  const again = addon().connect(fd, target)
  return again === -EALREADY ? undefined : again
}

/** However it ended: SO_ERROR has that. */
function handshakeOver(fd: number, device: string | undefined, signal: Signal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      signal?.removeEventListener('abort', onAbort)
      endLossWatch()
      watch.close()
      release()
    }
    const fail = (error: unknown) => {
      finish()
      reject(error)
    }
    const onAbort = () => fail(signal!.reason)
    const release = hold()
    const watch = new Watch(fd, () => {
      finish()
      resolve()
    })
    const endLossWatch = onDeviceLoss(fd, device, fail)
    signal?.addEventListener('abort', onAbort)
    try {
      watch.arm(addon().constants.EPOLLOUT!)
    } catch (error) {
      fail(error)
    }
  })
}
