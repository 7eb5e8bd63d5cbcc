import { addon, Field } from '../../../binding/addon.js'
import { trySetOption } from '../../../sockets/options.js'
import type { Packet } from '../../../sockets/receive-buffer.js'

const ring = 0x10000
/** The kernel turns stamping of received packets on a little after the first socket asks for it (net_enable_timestamp), in ms. */
const warmUp = 1
/** linux/net_tstamp.h SOF_TIMESTAMPING_TX_SCHED: a stamp before the queue of the device. */
const stampBeforeQueue = 1 << 8
/** linux/errqueue.h SCM_TSTAMP_SCHED. Zero, SCM_TSTAMP_SND, is the driver's stamp. */
const beforeQueue = 1

/** Once the first socket that asks for them gets its stamps. */
export function stampingOn(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, warmUp))
}

/**
 * The kernel's times of a socket (linux Documentation/networking/timestamping). Transmit stamps name the packet by a
 * counter of datagrams.
 *
 * The counter is never reset, since packets that still wait in a queue would be stamped with ids that are given out again.
 * Whether a failed send has counted depends on where it failed, and on the kernel. So the next id is in doubt from then on,
 * until a stamp shows it: a packet gets its first stamp within the call that sends it, unless it waits for its neighbour.
 */
export class Timestamps<T> {
  /** Transmit stamps are on. */
  readonly sends: boolean
  readonly #sent: (T | undefined)[] = []
  /** Id of the next packet. While in doubt: the lowest that it may have. */
  #next = 0
  #inDoubt = false
  /** What the kernel has just been given, and the wall clock before that. */
  #trial: { probe: T | undefined; wall: number } | undefined

  constructor(fd: number, sends: boolean) {
    const { constants } = addon()
    const receive = constants.SOF_TIMESTAMPING_RX_SOFTWARE! | constants.SOF_TIMESTAMPING_SOFTWARE!
    const both =
      receive |
      constants.SOF_TIMESTAMPING_TX_SOFTWARE! |
      constants.SOF_TIMESTAMPING_OPT_ID! |
      constants.SOF_TIMESTAMPING_OPT_TSONLY! |
      constants.SOF_TIMESTAMPING_OPT_CMSG! |
      stampBeforeQueue
    this.sends = sends && trySetOption(fd, 'SO_TIMESTAMPING', both) === 0
    if (!this.sends && trySetOption(fd, 'SO_TIMESTAMPING', receive) < 0) trySetOption(fd, 'SO_TIMESTAMPNS', 1)
  }

  /** Packets are to be sent one at a time, each by `sentInDoubt`. */
  get inDoubt(): boolean {
    return this.#inDoubt
  }

  /** The kernel has taken the probe's packet: its id. */
  sent(probe: T): number {
    return this.#place(probe)
  }

  /**
   * The same while in doubt. `wall`: the time before the call, in milliseconds. `read` reads the error queue: if that does not
   * show the id, no stamp of the packet will be recognised.
   */
  sentInDoubt(probe: T, wall: number, read: () => void): void {
    this.#try(probe, wall, read)
  }

  /** A send failed, or took fewer packets than it was given. The packets it took are told before. */
  failed(wall: number, read: () => void): void {
    if (!this.sends) return
    this.#inDoubt = true
    this.#try(undefined, wall, read)
  }

  /** The probe that a stamp from the error queue is of. `stamp`: milliseconds of the wall clock. */
  take(id: number, stamp: number): T | undefined {
    if ((id - this.#next) >>> 0 < 2 ** 31) this.#learn(id, stamp)
    const behind = (this.#next - id) >>> 0
    return behind > ring ? undefined : this.#sent[id & (ring - 1)]
  }

  #try(probe: T | undefined, wall: number, read: () => void): void {
    this.#trial = { probe, wall }
    read()
    this.#trial = undefined
  }

  /** An id that was not expected yet: that of the packet just sent, or of one that had to wait before its stamp. */
  #learn(id: number, stamp: number): void {
    const trial = this.#trial && stamp >= this.#trial.wall ? this.#trial : undefined
    const skipped = Math.min((id - this.#next) >>> 0, ring)
    for (let i = 1; i <= skipped; i++) this.#sent[(id - i) & (ring - 1)] = undefined
    this.#next = id
    this.#place(trial?.probe)
    this.#inDoubt = trial === undefined
  }

  #place(probe: T | undefined): number {
    const id = this.#next
    this.#sent[id & (ring - 1)] = probe
    this.#next = (id + 1) >>> 0
    return id
  }
}

/** Is it the stamp that the kernel makes before the packet enters the queue of its device? Else it is the driver's. */
export function isBeforeQueue(packet: Packet): boolean {
  return packet.field(Field.errorInfo) === beforeQueue
}

/** The kernel's time of a packet, milliseconds of the wall clock; NaN without one. */
export function stampOf(packet: Packet): number {
  return milliseconds(packet.unsigned(Field.seconds), packet.field(Field.nanoseconds))
}

/** `nanoseconds` -1: NaN. */
export function milliseconds(seconds: number, nanoseconds: number): number {
  return nanoseconds < 0 ? Number.NaN : seconds * 1e3 + nanoseconds / 1e6
}
