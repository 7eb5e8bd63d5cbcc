import { constants } from 'node:os'
import { addon } from '../binding/addon.js'
import { Watch } from '../binding/poller.js'
import type { PathOptions } from '../options.js'
import { openDescriptor, verifyDevice } from '../sockets/open.js'
import { getOption } from '../sockets/options.js'
import { tcpInfo } from '../sockets/tcp-info.js'

const { ECONNREFUSED, ECONNRESET, EALREADY, EPIPE } = constants.errno

/** `connect` to it takes a descriptor back to where it was before its first one (connect(2)): a connection is reset. */
const nowhere = new Uint8Array(16)

/** Room for a local address, used again for each. */
const local = new Uint8Array(28)

/** Errno of a connection that is still under way. */
export const pending = -EALREADY

/**
 * One descriptor of a scan, used for one port after another. A second `connect` tells what became of the first, and takes its
 * error, so that the third may go to another port: of a closed port nearby the answer is there at once, and needs no wait.
 */
export class ScanSlot {
  readonly fd: number
  port = 0
  startedAt = 0
  /** Neighbours in the queue of what waits. */
  older: ScanSlot | undefined
  newer: ScanSlot | undefined
  readonly #device: string | undefined
  #watch: Watch | undefined
  /** The kernel has ended the attempt itself. */
  #over = false

  constructor(family: 4 | 6, path: PathOptions) {
    this.fd = openDescriptor(family, 'stream', 0, path)
    this.#device = path.device
  }

  /** 0 and the port is being tried, or the negative errno of what this machine has against it. */
  start(target: Uint8Array, port: number): number {
    this.port = port
    this.#over = false
    target[2] = port >> 8
    target[3] = port & 255
    const errno = addon().connect(this.fd, target)
    return errno === -addon().constants.EINPROGRESS! ? 0 : errno
  }

  /** `ask` right after `start`: an ICMP error that came in within our call to `connect` ends nothing by itself, and waits apart. */
  askAtOnce(target: Uint8Array): number {
    const errno = this.ask(target)
    if (errno !== pending) return errno
    const error = getOption(this.fd, 'SO_ERROR')
    return error === 0 ? pending : -error
  }

  /** Asks the kernel: `pending`, 0 for open, or a negative errno. */
  ask(target: Uint8Array): number {
    const errno = addon().connect(this.fd, target)
    this.#over = errno !== pending && errno !== 0
    // Taken, and already ended by the other end.
    return errno === -ECONNRESET || errno === -EPIPE ? 0 : errno
  }

  /** Told once, when `ask` has something to say. */
  watch(ready: () => void): void {
    this.#watch ??= new Watch(this.fd, ready)
    this.#watch.arm(addon().constants.EPOLLOUT!)
  }

  /**
   * Whether the kernel chose the very port as the local one, and the descriptor meets itself (RFC 9293 section 3.5,
   * simultaneous open): nobody listens there, or it could not have been chosen.
   */
  meetsItself(target: Uint8Array): boolean {
    addon().getsockname(this.fd, local)
    if (local[2]! * 256 + local[3]! !== this.port) return false
    const [start, end] = target.length === 16 ? [4, 8] : [8, 24]
    return Buffer.compare(local.subarray(start, end), target.subarray(start, end)) === 0
  }

  /** Of a connection that stands, still on its device; as the kernel timed it, in milliseconds. */
  handshakeMs(): number | undefined {
    if (this.#device !== undefined) verifyDevice(this.fd, this.#device)
    return tcpInfo(this.fd).rttMs
  }

  /** Ready for another port. */
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
