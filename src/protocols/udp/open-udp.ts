import type { Socket } from 'node:dgram'
import { addon } from '../../binding/addon.js'
import { NetviaError } from '../../errors.js'
import { checkOptions, pathOf } from '../../options.js'
import { giveAway } from '../../sockets/hand-over.js'
import { setOption, tryGetOption } from '../../sockets/options.js'
import { onDeviceLoss } from '../../system/device-loss.js'
import type { CreateLookupOptions } from '../dns/lookup.js'
import { createPathSocket, keepOnDevice } from './path-socket.js'
import { type OpenUdpOptions, openUdpDescriptor, udpSchema } from './udp-descriptor.js'

/**
 * A bound UDP socket, like Go's `net.ListenUDP`. With a device, it sends and receives only through that device.
 *
 * Names given to `send` and `connect` are resolved over the path. With a device, `addMembership` and the like join and leave
 * groups on that device. They throw `ERR_OFF_PATH` for another device, as `setMulticastInterface` does. A `send` to another
 * device's zone fails, and to an address of the device itself.
 *
 * When the device is deleted the socket emits `error` with ENODEV and closes. When the `signal` fires it closes.
 *
 * @throws NetviaError `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `ENODEV` no such device; `ERR_ADDRESS_FAMILY` for an address of the
 * other family; what `resolve` throws for `host`; `signal.reason` when aborted before it is bound.
 */
export async function openUdp(given: OpenUdpOptions = {}): Promise<Socket> {
  const options = checkOptions('openUdp', given, udpSchema)
  const { device, signal, servers } = options
  const { fd, family } = await openUdpDescriptor('openUdp', options)
  const socket = await adopt(fd, family, { ...pathOf(options), servers })
  if (device !== undefined) keepOnDevice(device, socket, fd, family)
  const endLossWatch = onDeviceLoss(fd, device, error => {
    try {
      socket.emit('error', error)
    } finally {
      close(socket)
    }
  })
  const onAbort = () => close(socket)
  socket.on('close', () => {
    endLossWatch()
    signal?.removeEventListener('abort', onAbort)
  })
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted) close(socket)
  signal?.throwIfAborted()
  return socket
}

function close(socket: Socket): void {
  try {
    socket.close()
  } catch {
    // Node throws if the user has already closed it.
  }
}

/** Passes the descriptor to a `dgram.Socket`, which then owns it. */
function adopt(fd: number, family: 4 | 6, path: CreateLookupOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createPathSocket(family, path)
    const isShared = tryGetOption(fd, 'SO_REUSEADDR') ?? 0
    socket.once('error', reject)
    try {
      // In a cluster worker the descriptor's number means nothing to the primary process.
      giveAway(fd, () =>
        socket.bind({ fd, exclusive: true }, () => {
          socket.off('error', reject)
          // libuv lets any program of this machine share the port, and take what is sent to it.
          try {
            setOption(fd, 'SO_REUSEADDR', isShared)
            resolve(socket)
          } catch (error) {
            socket.close()
            reject(error)
          }
        }),
      )
    } catch (cause) {
      // Deno throws here, and so does Node's permission model. Neither has taken the descriptor.
      addon().close(fd)
      if (cause instanceof NetviaError) {
        reject(cause)
        return
      }
      const hint = 'UDP sockets of netvia need Node.js or Bun'
      const message = `this runtime takes no UDP descriptor: ${(cause as Error).message}; ${hint}`
      reject(new NetviaError(message, { code: 'ERR_UNSUPPORTED_RUNTIME', hint, cause }))
    }
  })
}
