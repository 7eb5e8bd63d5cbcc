import { verifyDevice } from '../sockets/open.js'
import { onDeviceChange } from './netlink/changes.js'

interface Watched {
  readonly fd: number
  readonly device: string
  readonly lost: (error: unknown) => void
  readonly isOpen: () => boolean
}

/** Most sockets are closed sooner than this: they cost no netlink socket. */
const graceMs = 50
/** Without netlink. */
const pollMs = 200

const watched = new Set<Watched>()
let end: (() => void) | undefined

/**
 * A socket whose device is deleted goes silent for ever, without an error, even if a device of that name comes back. Tells
 * once, as long as `isOpen`: as soon as netlink says so, or within 200 ms where netlink is refused. Returns the end of the
 * watch; the watch alone does not keep the event loop alive.
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

function forget(own: Watched): void {
  watched.delete(own)
  if (watched.size > 0) return
  end?.()
  end = undefined
}

function startLater(): () => void {
  const timer = setTimeout(() => {
    end = follow()
    // What happened before.
    verify()
  }, graceMs).unref()
  return () => clearTimeout(timer)
}

function follow(): () => void {
  try {
    return onDeviceChange(change => {
      if (change.type === 'overrun') verify()
      // A change may be one of name.
      else if (change.type === 'link' && change.change !== 'added') verify(change.previous?.name ?? change.device)
    })
  } catch {
    const timer = setInterval(verify, pollMs).unref()
    return () => clearInterval(timer)
  }
}

/** Those of one device, or all. */
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
      lost(error)
    }
  }
}
