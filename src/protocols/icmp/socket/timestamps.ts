import { addon, Field } from '../../../binding/addon.js'
import { pause } from '../../../runtime/timers.js'
import { trySetOption } from '../../../sockets/options.js'
import type { Packet } from '../../../sockets/receive-buffer.js'

const ring = 0x10000
/**
 * Milliseconds that the kernel takes to start timestamping received packets after the first socket asks for it
 * (net_enable_timestamp).
 */
const warmUp = 1
/** SOF_TIMESTAMPING_TX_SCHED of linux/net_tstamp.h: a timestamp before the device queue. */
const stampBeforeQueue = 1 << 8
/** SCM_TSTAMP_SCHED of linux/errqueue.h. Zero, SCM_TSTAMP_SND, is the driver's timestamp. */
const beforeQueue = 1

/** Resolves once the first socket that asks for timestamps gets them. */
export function stampingOn(): Promise<void> {
  return pause(warmUp)
}

/**
 * The kernel's timestamps for a socket (Documentation/networking/timestamping of Linux). Transmit timestamps identify the
 * packet by a datagram counter.
 *
 * The counter is never reset: packets still waiting in a queue would otherwise be stamped with ids that are in use again.
 * Whether a failed send counts depends on where it failed, and on the kernel. The next id is therefore in doubt after a
 * failure, until a timestamp shows it. A packet gets its first timestamp within the call that sends it, unless it waits for its
 * neighbour.
 */
export class Timestamps<T> {
  /** Whether transmit timestamps are on. */
  readonly sends: boolean
  readonly #sent: (T | undefined)[] = []
  /** Id of the next packet. In doubt, the lowest possible id. */
  #next = 0
  #inDoubt = false
  /** The packet just passed to the kernel, and the wall clock before that. */
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

  /** Whether packets must be sent one at a time, each reported by `sentInDoubt`. */
  get inDoubt(): boolean {
    return this.#inDoubt
  }

  /** Assigns an id to the packet that the kernel has accepted. */
  sent(probe: T): number {
    return this.#place(probe)
  }

  /**
   * Like `sent`, while in doubt. `wall`: the time before the call, in milliseconds. `read` reads the error queue. If that
   * doesn't show the id, no timestamp of the packet will be recognised.
   */
  sentInDoubt(probe: T, wall: number, read: () => void): void {
    this.#try(probe, wall, read)
  }

  /** A send failed or accepted fewer packets than given. Report the accepted packets first. */
  failed(wall: number, read: () => void): void {
    if (!this.sends) return
    this.#inDoubt = true
    this.#try(undefined, wall, read)
  }

  /** Returns the probe that a timestamp from the error queue belongs to. `stamp`: milliseconds of the wall clock. */
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

  /** An unexpected id: it belongs to the packet just sent, or to one that had to wait for its timestamp. */
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

/** Whether the kernel made the timestamp before the device queue. Otherwise it is the driver's. */
export function isBeforeQueue(packet: Packet): boolean {
  return packet.field(Field.errorInfo) === beforeQueue
}

/** The kernel's timestamp for a packet, in milliseconds of the wall clock; NaN without one. */
export function stampOf(packet: Packet): number {
  return milliseconds(packet.unsigned(Field.seconds), packet.field(Field.nanoseconds))
}

/** Returns NaN for `nanoseconds` -1. */
export function milliseconds(seconds: number, nanoseconds: number): number {
  return nanoseconds < 0 ? Number.NaN : seconds * 1e3 + nanoseconds / 1e6
}
