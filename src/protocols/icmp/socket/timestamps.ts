import { addon, Field } from '../../../binding/addon.js'
import { trySetOption } from '../../../sockets/options.js'
import type { Packet } from '../../../sockets/receive-buffer.js'

const ring = 0x10000
/** The kernel turns stamping of received packets on a little after the first socket asks for it (net_enable_timestamp), in ms. */
const warmUp = 1

/** Once the first socket that asks for them gets its stamps. */
export function stampingOn(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, warmUp))
}

/**
 * The kernel's times of a socket (linux Documentation/networking/timestamping). Transmit stamps name the packet by a
 * counter of datagrams: the n-th packet the kernel took. After a failed send it is not known whether the kernel has
 * counted, so it starts again from zero.
 */
export class Timestamps<T> {
  /** Transmit stamps are on. */
  readonly sends: boolean
  readonly #fd: number
  readonly #flags: number = 0
  readonly #sent: (T | undefined)[] = []
  #counter = 0
  #startedAt = 0

  constructor(fd: number, sends: boolean) {
    this.#fd = fd
    const { constants } = addon()
    const receive = constants.SOF_TIMESTAMPING_RX_SOFTWARE! | constants.SOF_TIMESTAMPING_SOFTWARE!
    const both =
      receive |
      constants.SOF_TIMESTAMPING_TX_SOFTWARE! |
      constants.SOF_TIMESTAMPING_OPT_ID! |
      constants.SOF_TIMESTAMPING_OPT_TSONLY! |
      constants.SOF_TIMESTAMPING_OPT_CMSG!
    this.sends = sends && trySetOption(fd, 'SO_TIMESTAMPING', both) === 0
    if (this.sends) this.#flags = both
    else if (trySetOption(fd, 'SO_TIMESTAMPING', receive) < 0) trySetOption(fd, 'SO_TIMESTAMPNS', 1)
  }

  /** The kernel has taken the probe's packet. */
  sent(probe: T): void {
    if (this.sends) this.#sent[this.#counter & (ring - 1)] = probe
    this.#counter = (this.#counter + 1) >>> 0
  }

  /** The probe that a stamp from the error queue is of, told once. `stamp`: milliseconds of the wall clock. */
  take(id: number, stamp: number): T | undefined {
    const behind = (this.#counter - id) >>> 0
    // One of before the restart, or of a probe that left the ring.
    if (behind === 0 || behind > ring || stamp < this.#startedAt) return undefined
    const probe = this.#sent[id & (ring - 1)]
    this.#sent[id & (ring - 1)] = undefined
    return probe
  }

  /** After a failed send. `wall`: the time now. */
  restart(wall: number): void {
    if (!this.sends) return
    this.#sent.length = 0
    this.#startedAt = wall
    this.#counter = 0
    trySetOption(this.#fd, 'SO_TIMESTAMPING', this.#flags & ~addon().constants.SOF_TIMESTAMPING_OPT_ID!)
    trySetOption(this.#fd, 'SO_TIMESTAMPING', this.#flags)
  }
}

/** The kernel's time of a packet, milliseconds of the wall clock; NaN without one. */
export function stampOf(packet: Packet): number {
  return milliseconds(packet.unsigned(Field.seconds), packet.field(Field.nanoseconds))
}

/** `nanoseconds` -1: NaN. */
export function milliseconds(seconds: number, nanoseconds: number): number {
  return nanoseconds < 0 ? Number.NaN : seconds * 1e3 + nanoseconds / 1e6
}
