import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { addon } from '../../../binding/addon.js'
import { Backoff } from '../../../runtime/backoff.js'
import { unref } from '../../../runtime/timers.js'
import { descriptorOf } from '../../../sockets/hand-over.js'
import { sourceAddress } from '../../../sockets/source-address.js'
import { onDeviceReturn } from '../../../system/device-return.js'
import { createSubflow, destroySubflow, setSubflowPriority } from '../../../system/multipath/commands.js'
import { onMultipathEvent } from '../../../system/multipath/events.js'
import { type KernelSubflow, multipathToken, readSubflows } from '../../../system/multipath/subflows.js'
import { MultipathEvent, type PathEvent, type SubflowEnd } from '../../../system/netlink/subflow.js'
import type { MultipathDevice } from './options.js'
import { watchSilence } from './silence.js'
import { SilentLines } from './silent-lines.js'

type Path = Required<MultipathDevice>

/** Address ids have 8 bits, and 0 is that of the first subflow (RFC 8684 section 3.2). */
const lastId = 255
/** Unanswered SYNs of a subflow until another subflow takes its place. */
const vainSyns = 2

const { EADDRNOTAVAIL, EINVAL, ENOTCONN } = constants.errno

/**
 * Keeps one subflow through each device until the socket closes. It creates those that are missing, replaces those whose device
 * came back, and closes any that the kernel reports on another device. With a backup, it makes the backup an active one while no
 * active device answers.
 */
export function keepSubflows(socket: Socket, token: number, paths: readonly Path[], mark: number | undefined): void {
  const keeper = new Keeper(socket, token, paths, mark)
  socket.once('close', () => keeper.end())
  keeper.keep()
}

class Keeper {
  readonly #socket: Socket
  readonly #token: number
  readonly #paths: readonly Path[]
  readonly #mark: number | undefined
  readonly #remote: SubflowEnd & { readonly address: string; readonly port: number }
  readonly #ids = new Map<string, number>()
  #lastId = 0
  readonly #ends: (() => void)[] = []
  readonly #returned = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  /** Until a missing subflow is tried again. */
  readonly #backoff = new Backoff(500, 30_000)
  /** Undefined without a backup. */
  readonly #lines: SilentLines | undefined

  constructor(socket: Socket, token: number, paths: readonly Path[], mark: number | undefined) {
    this.#socket = socket
    this.#token = token
    this.#paths = paths
    this.#mark = mark
    this.#remote = { address: socket.remoteAddress!, port: socket.remotePort! }
    this.#ends.push(onMultipathEvent(token, event => this.#onEvent(event)))
    for (const { device } of paths) {
      this.#ends.push(
        onDeviceReturn(device, () => {
          this.#returned.add(device)
          this.keep()
        }),
      )
    }
    if (paths.some(({ backup }) => backup)) this.#lines = this.#watch()
  }

  #watch(): SilentLines {
    const pathOf = (index: number) => this.#paths.find(({ device }) => addon().deviceIndex(device) === index)
    const lines = new SilentLines({
      read: () => this.#read(),
      isActive: index => pathOf(index)?.backup === false,
      open: index => this.#create(pathOf(index)!.device, index, false) === 0,
      announce: (subflow, backup) => this.#setPriority(subflow, backup),
      close: subflow => this.#close(subflow),
      keep: () => this.keep(),
    })
    const endWatch = watchSilence(this.#socket, (silent, traffic) => lines.onReading(silent, traffic))
    this.#ends.push(endWatch, () => lines.end())
    return lines
  }

  /** None if the connection closed, or no descriptor is available for netlink now. */
  #read(): KernelSubflow[] {
    try {
      return readSubflows(descriptorOf(this.#socket))
    } catch {
      return []
    }
  }

  end(): void {
    clearTimeout(this.#timer)
    for (const end of this.#ends) end()
  }

  /** Adjusts the subflows to the devices. */
  keep(): void {
    const fd = descriptorOf(this.#socket)
    // The connection fell back to plain TCP, or closed.
    if (fd < 0 || multipathToken(fd) === undefined) return
    let complete = false
    try {
      const subflows = this.#closeStrangers(readSubflows(fd))
      this.#lines?.update(subflows)
      complete = this.#paths.map(path => this.#keepPath(path, subflows)).every(Boolean)
      this.#closeStrangers(readSubflows(fd))
    } catch {
      // No descriptor is available for netlink now.
    }
    if (!complete) this.#keepLater()
  }

  #onEvent(event: PathEvent | undefined): void {
    if (event?.event === MultipathEvent.subflowEstablished) {
      this.#backoff.reset()
      this.#lines?.onAnswer(event.deviceIndex)
    }
    if (event?.event === MultipathEvent.subflowClosed) this.#keepLater()
    else this.keep()
  }

  #keepLater(): void {
    if (this.#timer) return
    this.#timer = unref(
      setTimeout(() => {
        this.#timer = undefined
        this.keep()
      }, this.#backoff.next()),
    )
  }

  /** Closes subflows that are bound to none of the devices, or to one that is gone. Returns the others. */
  #closeStrangers(subflows: readonly KernelSubflow[]): KernelSubflow[] {
    const own = new Set(this.#paths.map(({ device }) => addon().deviceIndex(device)))
    return subflows.filter(subflow => {
      const isOwn = subflow.socket !== undefined && own.has(subflow.socket.deviceIndex)
      if (!isOwn) this.#close(subflow)
      return isOwn
    })
  }

  #close({ local, remote }: KernelSubflow): void {
    destroySubflow(this.#token, local, remote)
  }

  #setPriority({ local, remote }: KernelSubflow, backup: boolean): void {
    setSubflowPriority(this.#token, { ...local, backup }, remote)
  }

  /** Returns whether nothing is left to do for this device until the kernel reports a change. */
  #keepPath({ device, backup }: Path, subflows: readonly KernelSubflow[]): boolean {
    const index = addon().deviceIndex(device)
    const asBackup = backup && !this.#lines?.isSilent
    // The kernel reports its return.
    if (index < 0) return true
    const own = subflows.filter(({ socket }) => socket!.deviceIndex === index)
    const working = own.filter(({ socket }) => socket!.established && socket!.retransmits === 0)
    for (const subflow of own) {
      const { socket } = subflow
      const isReplaced = working.length > 0 && !working.includes(subflow) && socket!.established
      if (isReplaced || working.indexOf(subflow) > 0 || (!socket!.established && socket!.retransmits >= vainSyns))
        this.#close(subflow)
      else if (socket!.established && socket!.backup !== asBackup) {
        this.#setPriority(subflow, asBackup)
      }
    }
    const isReturned = this.#returned.delete(device) && working.length === 0
    const opening = own.some(({ socket }) => !socket!.established && socket!.retransmits < vainSyns)
    if (opening) return false
    if (own.some(({ socket }) => socket!.established) && !isReturned) return true
    // Nothing has gone both ways yet: an event reports when it has.
    return this.#create(device, index, asBackup) === -ENOTCONN
  }

  /** Returns 0, or a negative errno. */
  #create(device: string, deviceIndex: number, backup: boolean): number {
    const address = this.#sourceOn(device)
    if (address === undefined) return -EADDRNOTAVAIL
    const id = this.#ids.get(address) ?? this.#newId(address)
    const errno = createSubflow(this.#token, { address, id, backup, deviceIndex }, this.#remote)
    // The kernel has the address under another id.
    if (errno === -EINVAL) this.#ids.delete(address)
    return errno
  }

  /** Undefined without a route through the device, or without the device. */
  #sourceOn(device: string): string | undefined {
    try {
      return sourceAddress(this.#remote, { device, mark: this.#mark })
    } catch {
      return undefined
    }
  }

  #newId(address: string): number {
    this.#lastId = (this.#lastId % lastId) + 1
    this.#ids.set(address, this.#lastId)
    return this.#lastId
  }
}
