import type { Socket } from 'node:net'
import { addon } from '../binding/addon.js'
import { NetviaError } from '../errors.js'
import { Bag, type Place } from '../runtime/bag.js'
import { isolated } from '../runtime/isolated.js'
import { unref } from '../runtime/timers.js'
import { descriptorOf } from '../sockets/hand-over.js'
import { verifyDevice } from '../sockets/open.js'
import { onDeviceChange } from './netlink/changes.js'

interface Watched {
  readonly device: string
  /** Throws once the device is lost. */
  readonly verify: () => void
  readonly lost: (error: unknown) => void
  readonly isOpen: () => boolean
}

/** Most sockets close sooner than this many milliseconds, and need no netlink socket. */
const graceMs = 50
/** Milliseconds between checks without netlink. */
const pollMs = 200

const watched = new Bag<Watched>()
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
  return device === undefined ? () => {} : watch({ device, verify: () => verifyDevice(fd, device), lost, isOpen })
}

/** The same for what has left JavaScript, and was opened on the device of this index: by default, the device of that name now. */
export function onLinkLoss(
  device: string | undefined,
  lost: (error: NetviaError) => void,
  index = device === undefined ? 0 : addon().deviceIndex(device),
): () => void {
  if (device === undefined) return () => {}
  const verify = () => {
    if (addon().deviceIndex(device) === index) return
    throw new NetviaError(`device ${device} was deleted or renamed`, { code: 'ENODEV', device })
  }
  return watch({ device, verify, lost: error => lost(error as NetviaError), isOpen: () => true })
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

function watch(own: Watched): () => void {
  const place = watched.add(own)
  end ??= startLater()
  return () => forget(place)
}

function forget(place: Place<Watched>): void {
  if (!watched.delete(place) || watched.size > 0) return
  end?.()
  end = undefined
}

function startLater(): () => void {
  const timer = unref(
    setTimeout(() => {
      end = follow()
      // Catches a loss before the watch began.
      verifyAll()
    }, graceMs),
  )
  return () => clearTimeout(timer)
}

function follow(): () => void {
  try {
    return onDeviceChange(change => {
      if (change.type === 'overrun') verifyAll()
      // The change may be a new name.
      else if (change.type === 'link' && change.change !== 'added') verifyAll(change.previous?.name ?? change.device)
    })
  } catch {
    const timer = unref(setInterval(verifyAll, pollMs))
    return () => clearInterval(timer)
  }
}

/** Checks the sockets of one device, or all of them. */
function verifyAll(only?: string): void {
  for (const place of watched.places()) {
    if (!place.value) continue
    const { device, verify, lost, isOpen } = place.value
    if (only !== undefined && only !== device) continue
    if (!isOpen()) {
      forget(place)
      continue
    }
    try {
      verify()
    } catch (error) {
      forget(place)
      isolated(() => lost(error))
    }
  }
}
