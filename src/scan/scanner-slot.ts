import { constants } from 'node:os'
import { addon } from '../binding/addon.js'
import { Watch } from '../binding/poller.js'
import type { PathOptions } from '../options.js'
import { openDescriptor, verifyDevice } from '../sockets/open.js'
import { getOption } from '../sockets/options.js'
import { tcpInfo } from '../sockets/tcp-info.js'

const { ECONNREFUSED, ECONNRESET, EALREADY, EPIPE } = constants.errno

/**
 * An address of family AF_UNSPEC. Connecting to it resets the connection and returns the descriptor to its state before the
 * first connect (connect(2)).
 */
const nowhere = new Uint8Array(16)

/** Buffer for a local address, reused for each. */
const local = new Uint8Array(28)

/** The errno of a connection still in progress. */
export const pending = -EALREADY

/**
 * One descriptor of a scan, reused for port after port. A second `connect` returns the result of the first and clears its
 * error, so that a third can try another port. A nearby closed port answers immediately, without a wait.
 */
export class ScanSlot {
  readonly fd: number
  port = 0
  startedAt = 0
  /** Neighbours in the queue of waiting attempts. */
  older: ScanSlot | undefined
  newer: ScanSlot | undefined
  readonly #device: string | undefined
  #watch: Watch | undefined
  /** The kernel has ended the attempt. */
  #over = false

  constructor(family: 4 | 6, path: PathOptions) {
    this.fd = openDescriptor(family, 'stream', 0, path)
    this.#device = path.device
  }

  /** Returns 0 if the attempt has started, or a negative errno if this machine refuses it. */
  start(target: Uint8Array, port: number): number {
    this.port = port
    this.#over = false
    target[2] = port >> 8
    target[3] = port & 255
    const errno = addon().connect(this.fd, target)
    return errno === -addon().constants.EINPROGRESS! ? 0 : errno
  }

  /**
   * `ask` immediately after `start`. An ICMP error that arrives during our own `connect` call doesn't end the attempt; it waits
   * separately.
   */
  askAtOnce(target: Uint8Array): number {
    const errno = this.ask(target)
    if (errno !== pending) return errno
    const error = getOption(this.fd, 'SO_ERROR')
    return error === 0 ? pending : -error
  }

  /** Asks the kernel. Returns `pending`, 0 for open, or a negative errno. */
  ask(target: Uint8Array): number {
    const errno = addon().connect(this.fd, target)
    this.#over = errno !== pending && errno !== 0
    // The port accepted the connection, and the other end has already closed it.
    return errno === -ECONNRESET || errno === -EPIPE ? 0 : errno
  }

  /** Calls back once, when `ask` has a result. */
  watch(ready: () => void): void {
    this.#watch ??= new Watch(this.fd, ready)
    this.#watch.arm(addon().constants.EPOLLOUT!)
  }

  /**
   * Whether the kernel chose the target's port as the local one, so that the descriptor connected to itself (RFC 9293 section
   * 3.5, simultaneous open). Nobody listens there, or the kernel could not have chosen the port.
   */
  meetsItself(target: Uint8Array): boolean {
    addon().getsockname(this.fd, local)
    if (local[2]! * 256 + local[3]! !== this.port) return false
    const [start, end] = target.length === 16 ? [4, 8] : [8, 24]
    return Buffer.compare(local.subarray(start, end), target.subarray(start, end)) === 0
  }

  /**
   * Handshake time of an established connection, as the kernel measured it, in milliseconds. Undefined if the descriptor has
   * lost its device.
   */
  handshakeMs(): number | undefined {
    if (this.#device !== undefined) verifyDevice(this.fd, this.#device)
    return tcpInfo(this.fd).rttMs
  }

  /** Prepares the descriptor for another port. */
  reset(): void {
    this.port = 0
    this.#watch?.close()
    this.#watch = undefined
    if (!this.#over) addon().connect(this.fd, nowhere)
  }

  close(): void {
    this.#watch?.close()
    addon().close(this.fd)
  }
}

export function isRefused(errno: number): boolean {
  return errno === -ECONNREFUSED
}
