import { constants } from 'node:os'
import { addon, Field, slotHeader } from '../binding/addon.js'
import { Watch } from '../binding/poller.js'
import type { PathOptions } from '../options.js'
import { openDescriptor, verifyDevice } from '../sockets/open.js'
import { getOption } from '../sockets/options.js'
import { meetsItself, resetConnection } from '../sockets/self-connection.js'
import { tcpInfo } from '../sockets/tcp-info.js'
import type { Attempt } from './host-ring.js'

const { ECONNREFUSED, ECONNRESET, EALREADY, EPIPE } = constants.errno

/** Buffers for one entry of an error queue. */
const entry = new Uint8Array(slotHeader + 64)
const row = new Int32Array(Field.size)

/** SO_EE_ORIGIN_ICMP and SO_EE_ORIGIN_ICMP6 (ip(7)). */
const fromICMP = 2
const fromICMP6 = 3

/** The errno of a connection still in progress. */
export const pending = -EALREADY

/**
 * One descriptor of a scan, reused for port after port. A second `connect` returns the result of the first and clears its
 * error, so that a third can try another port. A nearby closed port answers immediately, without a wait.
 */
export class ScanSlot {
  readonly fd: number
  readonly family: 4 | 6
  /** What it tries. */
  attempt: Attempt | undefined
  startedAt = 0
  /** Neighbours in the queue of waiting attempts. */
  older: ScanSlot | undefined
  newer: ScanSlot | undefined
  readonly #device: string | undefined
  #watch: Watch | undefined
  /** The kernel has ended the attempt. */
  #over = false
  /** No ICMP error is queued. */
  #queueIsEmpty = false

  constructor(family: 4 | 6, path: PathOptions) {
    this.family = family
    const option = family === 4 ? 'IP_RECVERR' : 'IPV6_RECVERR'
    this.fd = openDescriptor(family, 'stream', 0, path, undefined, { [option]: 1 })
    this.#device = path.device
  }

  /** Returns 0 if the attempt has started, or a negative errno if this machine refuses it. */
  start(attempt: Attempt): number {
    this.attempt = attempt
    this.#over = false
    this.#queueIsEmpty = false
    const errno = this.#connect(attempt)
    return errno === -addon().constants.EINPROGRESS! ? 0 : errno
  }

  /**
   * `ask` immediately after `start`. An ICMP error that arrives during our own `connect` call doesn't end the attempt; it waits
   * separately.
   */
  askAtOnce(): number {
    const errno = this.ask()
    if (errno !== pending) return errno
    const error = getOption(this.fd, 'SO_ERROR')
    return error === 0 ? pending : -error
  }

  /** Asks the kernel. Returns `pending`, 0 for open, or a negative errno. */
  ask(): number {
    const errno = this.#connect(this.attempt!)
    this.#over = errno !== pending && errno !== 0
    // The port accepted the connection, and the other end has already closed it.
    return errno === -ECONNRESET || errno === -EPIPE ? 0 : errno
  }

  /** Calls back once, when `ask` has a result. */
  watch(ready: () => void): void {
    this.#watch ??= new Watch(this.fd, ready)
    this.#watch.arm(addon().constants.EPOLLOUT!)
  }

  meetsItself(): boolean {
    return meetsItself(this.fd, this.#target(this.attempt!))
  }

  /**
   * Handshake time of an established connection, as the kernel measured it, in milliseconds. Undefined if the descriptor has
   * lost its device.
   */
  handshakeMs(): number | undefined {
    if (this.#device !== undefined) verifyDevice(this.fd, this.#device)
    return tcpInfo(this.fd).rttMs
  }

  /**
   * What an ICMP error has ended the attempt with: that the host or its network is unreachable, or something else, such as a port or a
   * prohibition (RFC 792, RFC 4443 section 3.1). Undefined if none has, and before Linux 5.9, which doesn't queue the error.
   */
  icmpReport(): 'host' | 'other' | undefined {
    let report: 'host' | 'other' | undefined
    while (this.#readError() > 0) {
      const [origin, type, code] = [row[Field.errorOrigin]!, row[Field.errorType]!, row[Field.errorCode]!]
      if (origin === fromICMP) report = type === 3 && [0, 1, 6, 7].includes(code) ? 'host' : 'other'
      if (origin === fromICMP6) report = type === 1 && [0, 3].includes(code) ? 'host' : 'other'
    }
    this.#queueIsEmpty = true
    return report
  }

  #connect(attempt: Attempt): number {
    return addon().connect(this.fd, this.#target(attempt))
  }

  #target({ host: { target }, port }: Attempt): Uint8Array {
    target[2] = port >> 8
    target[3] = port & 255
    return target
  }

  #readError(): number {
    return addon().receive(this.fd, entry, row, addon().constants.MSG_ERRQUEUE!)
  }

  /** Prepares the descriptor for another port. */
  reset(): void {
    this.attempt = undefined
    this.#watch?.close()
    this.#watch = undefined
    if (!this.#over) resetConnection(this.fd)
    // An entry left in the queue would report the next attempt as ready.
    while (!this.#queueIsEmpty && this.#readError() > 0);
  }

  close(): void {
    this.#watch?.close()
    addon().close(this.fd)
  }
}

export function isRefused(errno: number): boolean {
  return errno === -ECONNREFUSED
}
