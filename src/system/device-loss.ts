import type { Socket } from 'node:net'
import { addon } from '../binding/addon.js'
import { NetviaError } from '../errors.js'
import { monotonicNow } from '../monotonic.js'
import { Bag, type Place } from '../runtime/bag.js'
import { isolated } from '../runtime/isolated.js'
import { unref } from '../runtime/timers.js'
import { familyOf } from '../sockets/address.js'
import { descriptorOf } from '../sockets/hand-over.js'
import { canonicalIP, unmapped } from '../sockets/ip.js'
import { verifyDevice } from '../sockets/open.js'
import { type AddressChange, onDeviceChange } from './netlink/changes.js'
import type { AddressMessage, DeviceAddress } from './netlink/link-address.js'
import { readAddresses } from './netlink/tables.js'

interface Watched {
  readonly device: string
  /** The local address, if it is a connection. */
  readonly address?: string | undefined
  /** Throws once the device is lost. */
  readonly verify: () => void
  readonly lost: (error: unknown) => void
  readonly isOpen: () => boolean
}

/** Most sockets close sooner than this many milliseconds, and need no netlink socket. */
const graceMs = 50
/** Milliseconds between checks without netlink. */
const pollMs = 200
/** Milliseconds for which an address may be missing: DHCP clients take one away and give it back, and connections survive that. */
const patienceMs = 2000
/** Milliseconds between looks at addresses that are missing. */
const lookMs = 250

const watched = new Bag<Watched>()
let end: (() => void) | undefined
/** Addresses that the kernel has taken away, and when. Of others that no device has, such as a local route's (AnyIP), connections work. */
const removed = new Map<string, number>()
/** Addresses of connections, without another in their place so far. */
const unreplaced = new Set<string>()
/** Waits before it looks for connections whose address is gone. */
let looking: NodeJS.Timeout | undefined

/**
 * A socket whose device is deleted stays silent forever, without an error, even if a device of that name returns. Reports the
 * loss once, while `isOpen`: as soon as netlink reports it, or within 200 ms if netlink is refused. Returns a function that
 * ends the watch. The watch doesn't keep the event loop alive. A connection from this `address` is lost, too, once the device has
 * others in its place: nothing arrives there any more.
 */
export function onDeviceLoss(
  fd: number,
  device: string | undefined,
  lost: (error: unknown) => void,
  isOpen: () => boolean = () => true,
  address?: string,
): () => void {
  return device === undefined
    ? () => {}
    : watch({ device, address, verify: () => verifyDevice(fd, device), lost, isOpen })
}

/** The same for what has left JavaScript, and was opened on the device of this index: by default, the device of that name now. */
export function onLinkLoss(
  device: string | undefined,
  lost: (error: NetviaError) => void,
  index = device === undefined ? 0 : addon().deviceIndex(device),
  address?: string,
): () => void {
  if (device === undefined) return () => {}
  const verify = () => {
    if (addon().deviceIndex(device) === index) return
    throw new NetviaError(`device ${device} was deleted or renamed`, { code: 'ENODEV', device })
  }
  return watch({ device, address, verify, lost: error => lost(error as NetviaError), isOpen: () => true })
}

/** Destroys a connected socket with ENODEV when its device is lost: it would wait forever. */
export function destroyWithDevice(socket: Socket, device: string | undefined): void {
  const end = onDeviceLoss(
    descriptorOf(socket),
    device,
    error => socket.destroy(error as Error),
    () => !socket.destroyed,
    socket.localAddress,
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
      if (change.type === 'address') noteAddress(change)
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

function noteAddress({ change, address: { address } }: AddressChange): void {
  const now = monotonicNow()
  if (change === 'removed') removed.set(address, now)
  else {
    for (const missing of unreplaced) removed.set(missing, now)
    unreplaced.clear()
  }
  lookLater()
}

function lookLater(): void {
  if (removed.size > 0 && !looking) looking = unref(setTimeout(loseReplaced, lookMs))
}

function loseReplaced(): void {
  looking = undefined
  const latest = monotonicNow() - patienceMs
  const gone = new Set([...removed].filter(([, since]) => since <= latest).map(([address]) => address))
  if (gone.size > 0) loseThoseOf(gone)
  lookLater()
}

/** Without another address in its place, one may still come back, such as after a device was switched off for a moment. */
function loseThoseOf(gone: Set<string>): void {
  const now = addresses()
  for (const address of gone) removed.delete(address)
  for (const { address } of now) gone.delete(address.address)
  for (const place of watched.places()) {
    const { device, address, lost, isOpen } = place.value ?? {}
    if (device === undefined || address === undefined || !isOpen!()) continue
    const text = canonicalIP(unmapped(address))
    if (!gone.has(text)) continue
    const index = addon().deviceIndex(device)
    const family = familyOf(text)
    if (!now.some(({ deviceIndex, address: other }) => deviceIndex === index && isFor(family, other))) {
      unreplaced.add(text)
      continue
    }
    forget(place)
    const message = `device ${device} no longer has the address ${address}`
    isolated(() => lost!(new NetviaError(message, { code: 'EADDRNOTAVAIL', device, address })))
  }
}

function isFor(family: 4 | 6, address: DeviceAddress): boolean {
  return address.family === family && address.scope === 'global'
}

function addresses(): AddressMessage[] {
  try {
    return readAddresses()
  } catch {
    return []
  }
}
