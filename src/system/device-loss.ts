import type { Socket } from 'node:net'
import { isolated } from '../runtime/isolated.js'
import { descriptorOf } from '../sockets/hand-over.js'
import { verifyDevice } from '../sockets/open.js'
import { onDeviceChange } from './netlink/changes.js'

interface Watched {
  readonly fd: number
  readonly device: string
  readonly lost: (error: unknown) => void
  readonly isOpen: () => boolean
}

/** Most sockets close sooner than this many milliseconds, and need no netlink socket. */
const graceMs = 50
/** Milliseconds between checks without netlink. */
const pollMs = 200

const watched = new Set<Watched>()
let end: (() => void) | undefined

/**
 * A socket whose device is deleted stays silent forever, without an error, even if a device of that name returns. Reports the
 * loss once, while `isOpen`: as soon as netlink reports it, or within 200 ms if netlink is refused. Returns a function that
 * ends the watch. The watch doesn't keep the event loop alive.
 */
export function onDeviceLoss(
  fd: number,
  device: string | undefined,
  lost: (error: unknown) => void,
  isOpen: () => boolean = () => true,
): () => void {
  if (device === undefined) return () => {}
  const own = { fd, device, lost, isOpen }
  watched.add(own)
  end ??= startLater()
  return () => forget(own)
}

/** Destroys a connected socket with ENODEV when its device is lost: it would wait forever. */
export function destroyWithDevice(socket: Socket, device: string | undefined): void {
  const end = onDeviceLoss(
    descriptorOf(socket),
    device,
    error => socket.destroy(error as Error),
    () => !socket.destroyed,
  )
  socket.once('close', end)
}

function forget(own: Watched): void {
  watched.delete(own)
  if (watched.size > 0) return
  end?.()
  end = undefined
}

function startLater(): () => void {
  const timer = setTimeout(() => {
    end = follow()
    // Catches a loss before the watch began.
    verify()
  }, graceMs).unref()
  return () => clearTimeout(timer)
}

function follow(): () => void {
  try {
    return onDeviceChange(change => {
      if (change.type === 'overrun') verify()
      // The change may be a new name.
      else if (change.type === 'link' && change.change !== 'added') verify(change.previous?.name ?? change.device)
    })
  } catch {
    const timer = setInterval(verify, pollMs).unref()
    return () => clearInterval(timer)
  }
}

/** Checks the sockets of one device, or all of them. */
function verify(only?: string): void {
  for (const own of [...watched]) {
    const { fd, device, lost, isOpen } = own
    if (only !== undefined && only !== device) continue
    if (!isOpen()) {
      forget(own)
      continue
    }
    try {
      verifyDevice(fd, device)
    } catch (error) {
      forget(own)
      isolated(() => lost(error))
    }
  }
}
