import { constants } from 'node:os'
import { addon } from '../binding/addon.js'
import { hold, Watch } from '../binding/poller.js'
import { systemError } from '../errors.js'
import type { PathOptions } from '../options.js'
import type { Signal } from '../runtime/cancel.js'
import { getOption } from '../sockets/options.js'
import { onDeviceLoss } from '../system/device-loss.js'
import { missingRouteHint } from '../system/missing-route.js'
import { type Connecting, openConnecting } from './connecting.js'

const { EHOSTUNREACH } = constants.errno

/** Opens a stream descriptor on its path and starts to connect it. */
export type StartConnecting = (...args: Parameters<typeof openConnecting>) => Connecting | Promise<Connecting>

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
  options?: Readonly<Record<string, number>>,
  start: StartConnecting = openConnecting,
): Promise<number> {
  signal?.throwIfAborted()
  const started = start(address, port, path, options)
  const { fd, connected } = started instanceof Promise ? await started : started
  if (signal?.aborted) addon().close(fd)
  signal?.throwIfAborted()
  if (!connected) await handshake(fd, address, port, path.device, signal)
  return fd
}

/** Waits until the descriptor is connected. Closes it on any failure. */
export async function handshake(
  fd: number,
  address: string,
  port: number,
  device: string | undefined,
  signal?: Signal,
): Promise<void> {
  try {
    await handshakeOver(fd, device, signal)
    const errno = -getOption(fd, 'SO_ERROR')
    const hint = errno === -EHOSTUNREACH ? missingRouteHint(address, device) : undefined
    if (errno < 0) throw systemError(errno, 'connect', { address, port, device, hint })
  } catch (error) {
    addon().close(fd)
    throw error
  }
}

/** SO_ERROR has the result, however it ended. */
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
