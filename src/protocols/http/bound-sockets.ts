import type { Socket } from 'node:net'
import { NetviaError } from '../../errors.js'
import { monotonicNow } from '../../monotonic.js'
import { descriptorOf } from '../../sockets/hand-over.js'
import { boundDevice } from '../../sockets/open.js'
import { onDeviceLoss } from '../../system/device-loss.js'

/** Milliseconds during which requests ask the kernel once. A device that disappears a moment later fails them anyway. */
const validMs = 1

/** Emptied when the connection is over: what V8 leaves of a set that has grown or shrunk keeps alive what it held. */
interface Entry {
  socket: Socket | undefined
}

/**
 * The open connections of a pool by device. If a device is deleted and created again (PPPoE, WireGuard, USB modems), its
 * sockets are dead without an error. So they are destroyed when that is reported, and a pool checks them here before it reuses
 * one.
 */
export class BoundSockets {
  readonly #inWords: (error: NetviaError) => Error
  readonly #devices = new Map<string, Set<Entry>>()
  #checkedAt = Number.NEGATIVE_INFINITY

  /** `inWords` turns the loss of the device into the error that ends a connection of the pool. */
  constructor(inWords: (error: NetviaError) => Error = error => error) {
    this.#inWords = inWords
  }

  add(socket: Socket, device: string | undefined): void {
    if (device === undefined) return
    const entry: Entry = { socket }
    const entries = this.#devices.get(device) ?? new Set()
    this.#devices.set(device, entries.add(entry))
    const onLoss = (error: unknown) => socket.destroy(this.#inWords(error as NetviaError))
    const isOpen = () => !socket.destroyed
    const endLossWatch = onDeviceLoss(descriptorOf(socket), device, onLoss, isOpen, socket.localAddress)
    socket.once('close', () => {
      endLossWatch()
      entries.delete(entry)
      entry.socket = undefined
    })
  }

  /**
   * Destroys the connections whose device is gone, and reports each. It needs one system call per device: if the oldest
   * connection is still bound, the device has not been deleted since, so all are.
   */
  dropDead(onDropped?: (socket: Socket) => void): void {
    if (this.#devices.size === 0) return
    const now = monotonicNow()
    if (now - this.#checkedAt < validMs) return
    this.#checkedAt = now
    for (const [device, entries] of this.#devices) this.#dropDeadOf(device, entries, onDropped)
  }

  #dropDeadOf(device: string, entries: Set<Entry>, onDropped?: (socket: Socket) => void): void {
    const oldest = oldestOf(entries)
    if (!oldest || isBoundTo(oldest, device)) return
    for (const { socket } of entries) {
      if (!socket || socket.destroyed || isBoundTo(socket, device)) continue
      const error = new NetviaError(`device ${device} was deleted or renamed`, { code: 'ENODEV', device })
      socket.destroy(this.#inWords(error))
      onDropped?.(socket)
    }
  }
}

/** Connections that are closing no longer have a descriptor. Their `close` event comes later. */
function oldestOf(entries: Set<Entry>): Socket | undefined {
  for (const entry of entries) {
    if (entry.socket && !entry.socket.destroyed) return entry.socket
    entries.delete(entry)
  }
  return undefined
}

function isBoundTo(socket: Socket, device: string): boolean {
  try {
    return boundDevice(descriptorOf(socket)) === device
  } catch {
    return false
  }
}
