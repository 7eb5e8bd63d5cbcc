import { addon, Field } from '../../binding/addon.js'
import { trySetOption } from '../../sockets/options.js'
import type { Packet } from '../../sockets/receive-buffer.js'
import type { Probe } from './probe.js'

type Stamped = Pick<Probe, 'sentStamp'>

const ring = 0x10000

/**
 * The kernel's times of a socket (linux Documentation/networking/timestamping). Transmit stamps name the packet by a
 * counter of datagrams: the n-th packet the kernel took. After a failed send it is not known whether the kernel has
 * counted, so it starts again from zero.
 */
export class Timestamps {
  /** Transmit stamps are on. */
  readonly sends: boolean
  readonly #fd: number
  readonly #flags: number = 0
  readonly #probes: (Stamped | undefined)[] = []
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

  /** The kernel has taken the probe. */
  sent(probe: Stamped): void {
    if (this.sends) this.#probes[this.#counter & (ring - 1)] = probe
    this.#counter = (this.#counter + 1) >>> 0
  }

  /** A stamp from the error queue, milliseconds of the wall clock. */
  record(id: number, stamp: number): void {
    const behind = (this.#counter - id) >>> 0
    // One of before the restart, or of a probe that left the ring.
    if (behind === 0 || behind > ring || stamp < this.#startedAt) return
    const probe = this.#probes[id & (ring - 1)]
    if (probe) probe.sentStamp = stamp
    this.#probes[id & (ring - 1)] = undefined
  }

  /** After a failed send. `wall`: the time now. */
  restart(wall: number): void {
    if (!this.sends) return
    this.#probes.length = 0
    this.#startedAt = wall
    this.#counter = 0
    trySetOption(this.#fd, 'SO_TIMESTAMPING', this.#flags & ~addon().constants.SOF_TIMESTAMPING_OPT_ID!)
    trySetOption(this.#fd, 'SO_TIMESTAMPING', this.#flags)
  }
}

/** The kernel's time of a packet, milliseconds of the wall clock; NaN without one. */
export function stampOf(packet: Packet): number {
  const nanoseconds = packet.field(Field.nanoseconds)
  return nanoseconds < 0 ? Number.NaN : packet.unsigned(Field.seconds) * 1e3 + nanoseconds / 1e6
}
